// What must happen before Hallpass itself is read. Plain old JavaScript: a Node that is too old must get as far as the
// sentence about it. Called by bin/hallpass with the program to run (bundle or source) as the first argument.
'use strict';

var path = require('path');
var url = require('url');

var program = process.argv[2];
var isSource = program.slice(-3) === '.ts';
var root = path.dirname(__dirname);

// Sources use what Node 24 brought; the bundle is lowered, but the lock needs node:sqlite, unflagged since 22.13.
var needed = isSource ? [24, 0] : [22, 13];

function fail(sentence) {
  process.stderr.write('error: ' + sentence + '\n');
  process.exitCode = process.argv[2] === 'exec' ? 125 : 1;
}

function isOlderThan(version) {
  var parts = process.versions.node.split('.').map(Number);
  return parts[0] < version[0] || (parts[0] === version[0] && parts[1] < version[1]);
}

/** Node calls its SQLite experimental; we use it for one lock. Every other warning is shown. */
function silenceSqliteWarning() {
  var emitWarning = process.emitWarning;
  process.emitWarning = function (warning) {
    var text = String((warning && warning.message) || warning);
    if (text.indexOf('SQLite is an experimental feature') !== 0) emitWarning.apply(process, arguments);
  };
}

/**
 * Compiled code is trusted as the program is, so it lies with the program, never where a child's HOME could be. Where the
 * program's directory cannot be written to, nothing is kept.
 */
function useCompileCache() {
  if (process.env.NODE_COMPILE_CACHE) return;
  require('module').enableCompileCache(path.join(root, 'node_modules/.cache/hallpass'));
}

function start() {
  useCompileCache();
  silenceSqliteWarning();
  return import(url.pathToFileURL(program).href).catch(function (error) {
    if (!isSource || error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    fail('the packages that Hallpass needs are not installed; run "npm ci" in ' + root);
  });
}

process.argv.splice(1, 2, program);
if (process.env.HALLPASS_LAUNCH_NODE_OPTIONS !== undefined) {
  process.env.NODE_OPTIONS = process.env.HALLPASS_LAUNCH_NODE_OPTIONS;
  delete process.env.HALLPASS_LAUNCH_NODE_OPTIONS;
}
if (isOlderThan(needed)) {
  fail(
    'Hallpass needs Node ' +
      needed.join('.') +
      ' or newer; this is Node ' +
      process.versions.node +
      ' (' +
      process.execPath +
      ')',
  );
} else {
  void start();
}
