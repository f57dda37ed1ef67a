import type { JsonObject } from '../../domain/json.ts';
import type { ActionRequest, AwsAccount, JsonHandler } from './action.ts';
import { requireAccess } from './authorize.ts';
import type { Parameter, ParameterStore } from './parameter-store.ts';
import { AwsRefusal } from './refusal.ts';
import {
  checkedName,
  constraint,
  nameIn,
  namesIn,
  optionalText,
  splitSelector,
  tagsIn,
  textIn,
  validation,
} from './ssm-input.ts';
import { byName, filterOf, isBelow, page } from './ssm-list.ts';

/**
 * The actions of SSM Parameter Store that Terraform's `aws_ssm_parameter` resource and data source, the AWS CLI and
 * boto3 call, over the JSON 1.1 protocol. Values of SecureString parameters stay in memory, unencrypted.
 *
 * @see AWS Systems Manager API Reference; Service Authorization Reference, "Actions, resources, and condition keys"
 */
export const ssmActions: Readonly<Record<string, JsonHandler>> = {
  PutParameter: putParameter,
  GetParameter: getParameter,
  GetParameters: getParameters,
  GetParametersByPath: getParametersByPath,
  DescribeParameters: describeParameters,
  DeleteParameter: deleteParameter,
  DeleteParameters: deleteParameters,
  AddTagsToResource: addTagsToResource,
  RemoveTagsFromResource: removeTagsFromResource,
  ListTagsForResource: listTagsForResource,
};

/** One SSM call bound to the parameters of its Region, with the questions that every action asks. */
interface SsmCall {
  readonly request: ActionRequest<JsonObject>;
  readonly account: AwsAccount;
  readonly store: ParameterStore;
}

const types = ['String', 'StringList', 'SecureString'] as const;
const tiers = ['Standard', 'Advanced', 'Intelligent-Tiering'];
const mostTags = 50;

function open(request: ActionRequest<JsonObject>, account: AwsAccount): SsmCall {
  return { request, account, store: account.parametersIn(request.caller.region) };
}

function putParameter(request: ActionRequest<JsonObject>, account: AwsAccount): JsonObject {
  const ssm = open(request, account);
  const name = nameIn(request.parameters, 'Name');
  const overwrite = request.parameters['Overwrite'] === true;
  const tags = tagsIn(request.parameters['Tags']);
  const existing = ssm.store.get(name);
  allow(ssm, 'PutParameter', name, {
    'ssm:Overwrite': String(overwrite),
    ...tagContext(tags),
    ...(existing && resourceTags(existing)),
  });
  if (existing && !overwrite)
    throw new AwsRefusal(
      'ParameterAlreadyExists',
      400,
      'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
    );
  if (existing && tags.size > 0)
    throw validation(
      "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag.",
    );
  if (tags.size > 0) allow(ssm, 'AddTagsToResource', name, tagContext(tags));
  const parameter = parameterFrom(ssm, name, existing, tags);
  ssm.store.set(name, parameter);
  return { Tier: parameter.tier, Version: parameter.version };
}

/** A new parameter, or the next version of one. */
function parameterFrom(
  { request: { parameters, caller }, account }: SsmCall,
  name: string,
  existing: Parameter | undefined,
  tags: ReadonlyMap<string, string>,
): Parameter {
  const value = textIn(parameters, 'Value');
  const type = textIn(parameters, 'Type', existing?.type ?? '');
  if (!types.includes(type as Parameter['type']))
    throw validation(
      type === ''
        ? 'A parameter type is required when you create a parameter.'
        : constraint(type, 'type', `Member must satisfy enum value set: [${types.join(', ')}]`),
    );
  const tier = textIn(parameters, 'Tier', existing?.tier ?? 'Standard');
  if (!tiers.includes(tier))
    throw validation(constraint(tier, 'tier', `Member must satisfy enum value set: [${tiers.join(', ')}]`));
  const limit = tier === 'Standard' ? 4096 : 8192;
  if (Buffer.byteLength(value) > limit)
    throw validation(`${tier} tier parameters support a maximum parameter value of ${limit} characters.`);
  if (value === '') throw validation(constraint('', 'value', 'Member must have length greater than or equal to 1'));
  const allowedPattern = optionalText(parameters, 'AllowedPattern', existing?.allowedPattern ?? null);
  requirePattern(allowedPattern, value);
  return {
    name,
    type: type as Parameter['type'],
    value,
    version: (existing?.version ?? 0) + 1,
    description: optionalText(parameters, 'Description', existing?.description ?? null),
    allowedPattern,
    dataType: textIn(parameters, 'DataType', existing?.dataType ?? 'text'),
    tier: tier === 'Intelligent-Tiering' ? (Buffer.byteLength(value) > 4096 ? 'Advanced' : 'Standard') : tier,
    keyId: type === 'SecureString' ? optionalText(parameters, 'KeyId', existing?.keyId ?? 'alias/aws/ssm') : null,
    modifiedAt: account.now(),
    modifiedBy: caller.session.arn,
    tags: existing?.tags ?? tags,
  };
}

function requirePattern(allowedPattern: string | null, value: string): void {
  if (allowedPattern === null || allowedPattern === '') return;
  let holds = false;
  try {
    holds = new RegExp(allowedPattern).test(value);
  } catch {
    throw new AwsRefusal(
      'InvalidAllowedPatternException',
      400,
      'The allowed pattern is not a valid regular expression.',
    );
  }
  if (!holds)
    throw new AwsRefusal(
      'ParameterPatternMismatchException',
      400,
      'Parameter value, cannot be validated against allowedPattern: ' + allowedPattern,
    );
}

function getParameter(request: ActionRequest<JsonObject>, account: AwsAccount): JsonObject {
  const ssm = open(request, account);
  const [name, selector] = splitSelector(textIn(request.parameters, 'Name'));
  const parameter = ssm.store.get(checkedName(name));
  allowNamed(ssm, 'GetParameter', name);
  if (parameter === undefined) throw notFound();
  if (selector !== null && selector !== String(parameter.version))
    throw new AwsRefusal(
      'ParameterVersionNotFound',
      400,
      `Systems Manager could not find version ${selector} of ${name}. Verify the version and try again.`,
      {
        reasons: [`the stand-in keeps the newest version only, which is ${parameter.version}`],
      },
    );
  return { Parameter: shown(ssm, parameter, selector) };
}

function getParameters(request: ActionRequest<JsonObject>, account: AwsAccount): JsonObject {
  const ssm = open(request, account);
  const names = namesIn(request.parameters, 'Names');
  for (const name of names) allowNamed(ssm, 'GetParameters', splitSelector(name)[0]);
  const found = names.flatMap((given) => {
    const [name, selector] = splitSelector(given);
    const parameter = ssm.store.get(name);
    return parameter && (selector === null || selector === String(parameter.version))
      ? [{ given, parameter, selector }]
      : [];
  });
  return {
    InvalidParameters: names.filter((name) => !found.some(({ given }) => given === name)),
    Parameters: found.map(({ parameter, selector }) => shown(ssm, parameter, selector)),
  };
}

function getParametersByPath(request: ActionRequest<JsonObject>, account: AwsAccount): JsonObject {
  const ssm = open(request, account);
  const path = textIn(request.parameters, 'Path');
  if (!path.startsWith('/')) throw validation('The parameter path must start with "/".');
  allow(ssm, 'GetParametersByPath', path);
  const recursive = request.parameters['Recursive'] === true;
  const below = [...ssm.store.values()].filter(({ name }) => isBelow(name, path, recursive));
  return page(request.parameters, byName(below), 'Parameters', 10, (parameter) => shown(ssm, parameter, null));
}

function describeParameters(request: ActionRequest<JsonObject>, account: AwsAccount): JsonObject {
  const ssm = open(request, account);
  requireAccess(
    'ssm:DescribeParameters',
    `arn:aws:ssm:${request.caller.region}:${account.config.account}:*`,
    {},
    request,
    account,
  );
  const wanted = filterOf(request.parameters);
  return page(request.parameters, byName([...ssm.store.values()].filter(wanted)), 'Parameters', 50, (parameter) =>
    described(ssm, parameter),
  );
}

function deleteParameter(request: ActionRequest<JsonObject>, account: AwsAccount): JsonObject {
  const ssm = open(request, account);
  const name = nameIn(request.parameters, 'Name');
  allowNamed(ssm, 'DeleteParameter', name);
  if (!ssm.store.delete(name)) throw notFound();
  return {};
}

function deleteParameters(request: ActionRequest<JsonObject>, account: AwsAccount): JsonObject {
  const ssm = open(request, account);
  const names = namesIn(request.parameters, 'Names');
  for (const name of names) allowNamed(ssm, 'DeleteParameters', name);
  const deleted = names.filter((name) => ssm.store.delete(name));
  return { DeletedParameters: deleted, InvalidParameters: names.filter((name) => !deleted.includes(name)) };
}

function addTagsToResource(request: ActionRequest<JsonObject>, account: AwsAccount): JsonObject {
  const ssm = open(request, account);
  const added = tagsIn(request.parameters['Tags']);
  const parameter = taggable(ssm, 'AddTagsToResource', tagContext(added));
  const tags = new Map([...parameter.tags, ...added]);
  if (tags.size > mostTags) throw new AwsRefusal('TooManyTagsError', 400, '');
  ssm.store.set(parameter.name, { ...parameter, tags });
  return {};
}

function removeTagsFromResource(request: ActionRequest<JsonObject>, account: AwsAccount): JsonObject {
  const ssm = open(request, account);
  const removed = namesIn(request.parameters, 'TagKeys');
  const parameter = taggable(ssm, 'RemoveTagsFromResource', { 'aws:TagKeys': removed });
  ssm.store.set(parameter.name, {
    ...parameter,
    tags: new Map([...parameter.tags].filter(([key]) => !removed.includes(key))),
  });
  return {};
}

function listTagsForResource(request: ActionRequest<JsonObject>, account: AwsAccount): JsonObject {
  const parameter = taggable(open(request, account), 'ListTagsForResource', {});
  return { TagList: [...parameter.tags].map(([Key, Value]) => ({ Key, Value })) };
}

/** The parameter that a tag action is about, once the caller may do it. */
function taggable(ssm: SsmCall, action: string, context: Context): Parameter {
  const { parameters } = ssm.request;
  if (textIn(parameters, 'ResourceType') !== 'Parameter')
    throw new AwsRefusal('InvalidResourceType', 400, '', { reasons: ['the stand-in has tags on parameters only'] });
  const name = nameIn(parameters, 'ResourceId');
  const parameter = ssm.store.get(name);
  allow(ssm, action, name, { ...context, ...(parameter && resourceTags(parameter)) });
  if (parameter === undefined) throw new AwsRefusal('InvalidResourceId', 400, '');
  return parameter;
}

type Context = Readonly<Record<string, string | readonly string[]>>;

function allow(ssm: SsmCall, action: string, name: string, context: Context = {}): void {
  requireAccess(`ssm:${action}`, arnOf(ssm, name), context, ssm.request, ssm.account);
}

/** Asks with the tags of the parameter, if there is one: a Deny may be about them. */
function allowNamed(ssm: SsmCall, action: string, name: string): void {
  const parameter = ssm.store.get(name);
  allow(ssm, action, name, parameter && resourceTags(parameter));
}

function arnOf({ request, account }: SsmCall, name: string): string {
  const path = name.startsWith('/') ? name : `/${name}`;
  return `arn:aws:ssm:${request.caller.region}:${account.config.account}:parameter${path}`;
}

function tagContext(tags: ReadonlyMap<string, string>): Context {
  if (tags.size === 0) return {};
  const values = [...tags].map(([key, value]) => [`aws:RequestTag/${key}`, value] as const);
  return { ...Object.fromEntries(values), 'aws:TagKeys': [...tags.keys()] };
}

function resourceTags(parameter: Parameter): Context {
  return Object.fromEntries(
    [...parameter.tags].flatMap(([key, value]) => [
      [`aws:ResourceTag/${key}`, value],
      [`ssm:resourceTag/${key}`, value],
    ]),
  );
}

/** A parameter as GetParameter shows it. A SecureString comes encrypted unless `WithDecryption` is given. */
function shown(ssm: SsmCall, parameter: Parameter, selector: string | null): JsonObject {
  const hidden = parameter.type === 'SecureString' && ssm.request.parameters['WithDecryption'] !== true;
  return {
    ARN: arnOf(ssm, parameter.name),
    DataType: parameter.dataType,
    LastModifiedDate: parameter.modifiedAt.getTime() / 1000,
    Name: parameter.name,
    ...(selector !== null && { Selector: `:${selector}` }),
    Type: parameter.type,
    Value: hidden ? encryptedLooking(parameter) : parameter.value,
    Version: parameter.version,
  };
}

/** What a caller sees in place of a SecureString: base64 that says nothing about the value. */
function encryptedLooking(parameter: Parameter): string {
  return Buffer.from(`encrypted by the stand-in: ${parameter.name} version ${parameter.version}`).toString('base64');
}

function described(ssm: SsmCall, parameter: Parameter): JsonObject {
  return {
    ARN: arnOf(ssm, parameter.name),
    ...(parameter.allowedPattern && { AllowedPattern: parameter.allowedPattern }),
    DataType: parameter.dataType,
    ...(parameter.description && { Description: parameter.description }),
    ...(parameter.keyId && { KeyId: parameter.keyId }),
    LastModifiedDate: parameter.modifiedAt.getTime() / 1000,
    LastModifiedUser: parameter.modifiedBy,
    Name: parameter.name,
    Policies: [],
    Tier: parameter.tier,
    Type: parameter.type,
    Version: parameter.version,
  };
}

function notFound(): AwsRefusal {
  return new AwsRefusal('ParameterNotFound', 400, '');
}
