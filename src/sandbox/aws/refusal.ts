import { StandInRefusal } from '../refusal.ts';

/** A refusal as AWS words it; the server turns it into the answer of the caller's protocol. */
export class AwsRefusal extends StandInRefusal {}
