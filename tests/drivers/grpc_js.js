// Plays a story through @grpc/grpc-js, with the API from the files of proto/; tests/stories/README.md has the form.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const LIMIT_MS = 30_000;
const CALL_LIMIT_MS = 10_000;
// Between two tries of an `eventually` step: it only keeps the tries from being a load.
const PACE_MS = 50;
// The bytes of a status, its details included: clients limit what comes in trailers.
const STATUS_LIMIT = 2048;

const PROTO = path.join(__dirname, '..', '..', 'proto');
const API = grpc.loadPackageDefinition(
  loader.loadSync(
    fs.readdirSync(PROTO, { recursive: true }).filter((file) => file.endsWith('.proto')),
    { includeDirs: [PROTO], enums: String, longs: String, defaults: true },
  ),
);

// The library hands out the status details as bytes.
const STATUS = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message BadRequest { message FieldViolation { string field = 1; string description = 2; } repeated FieldViolation field_violations = 1; }
`).root;

class Mismatch extends Error {
  constructor(expected, actual) {
    super(`expected ${JSON.stringify(expected, null, 2)}\nactual   ${JSON.stringify(actual, null, 2)}`);
  }
}

/** What a stream has brought and the story has not yet looked at: frames, and at last its outcome. */
class Stream {
  #items = [];
  #wake = () => {};

  constructor(call) {
    call.on('data', (frame) => this.#put(['frame', frame]));
    call.on('error', (error) => this.#put(['end', outcome(error)]));
    call.on('end', () => this.#put(['end', outcome()]));
  }

  /** The next item that is not an ignored frame, if it is as expected; with `eventually` the first frame that is. */
  async expect(kind, expected, ignore, eventually = false) {
    const deadline = Date.now() + LIMIT_MS;
    for (;;) {
      const item = await this.#next(deadline);
      if (!item) throw new Mismatch({ [kind]: expected }, `nothing within ${LIMIT_MS} ms`);
      if (item[0] === kind && matches(expected, item[1])) return item[1];
      const passed = item[0] === 'frame' && (eventually || Object.keys(item[1]).every((key) => ignore.includes(key)));
      if (!passed) throw new Mismatch({ [kind]: expected }, { [item[0]]: item[1] });
    }
  }

  /** How it ends, or the first frame that is not ignored. */
  async outcome(ignore) {
    const deadline = Date.now() + LIMIT_MS;
    for (;;) {
      const [kind, item] = (await this.#next(deadline)) ?? ['end', { code: `nothing within ${LIMIT_MS} ms` }];
      if (kind === 'end') return item;
      if (!Object.keys(item).every((key) => ignore.includes(key))) return { frame: item };
    }
  }

  #put(item) {
    this.#items.push(item);
    this.#wake();
  }

  async #next(deadline) {
    if (this.#items.length === 0) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#items.shift();
  }
}

class Client {
  #channels = {};
  #tokens = JSON.parse(fs.readFileSync(process.env.CREWLINE_TOKENS, 'utf8'));

  call(step) {
    const [service, name, metadata] = this.#prepare(step);
    return new Promise((resolve) => {
      const options = { deadline: Date.now() + CALL_LIMIT_MS };
      service[name](to_proto(step.request), metadata, options, (error, response) => resolve(outcome(error, response)));
    });
  }

  /** A request that is a list is a stream of requests. */
  open(step) {
    const [service, name, metadata] = this.#prepare(step);
    if (!Array.isArray(step.request)) return new Stream(service[name](to_proto(step.request), metadata));
    const call = service[name](metadata);
    step.request.forEach((request) => call.write(to_proto(request)));
    call.end();
    return new Stream(call);
  }

  #prepare(step) {
    const [service, name] = step.call.split('/');
    this.#channels[service] ??= new (service.split('.').reduce((found, key) => found[key], API))(
      process.env[`CREWLINE_${service.split('.')[1].toUpperCase()}`],
      grpc.credentials.createInsecure(),
    );
    const metadata = new grpc.Metadata();
    metadata.set('authorization', `Bearer ${this.#tokens[step.as]}`);
    metadata.set('x-crewline-tenant', step.tenant ?? process.env.CREWLINE_TENANT);
    return [this.#channels[service], name, metadata];
  }
}

/** How a call or a stream ended. */
function outcome(error, response) {
  if (!error) return { code: 'OK', reason: '', field: '', response };
  const bytes = error.metadata?.get('grpc-status-details-bin') ?? [];
  const size = bytes.reduce((sum, one) => sum + one.length, Buffer.byteLength(error.details ?? ''));
  if (size > STATUS_LIMIT) return { code: `a status of ${size} bytes`, message: error.details };
  const infos = details(bytes, 'ErrorInfo');
  const fields = details(bytes, 'BadRequest').flatMap((bad) => bad.fieldViolations.map((violation) => violation.field));
  const ended = { code: grpc.status[error.code], field: fields.join(', '), message: error.details };
  if (infos.length !== 1 || infos[0].domain !== 'crewline') {
    return { ...ended, reason: `not one ErrorInfo of Crewline: ${JSON.stringify(infos)}` };
  }
  return { ...ended, reason: infos[0].reason, metadata: infos[0].metadata ?? {} };
}

/** The details of one kind. */
function details(bytes, kind) {
  return bytes
    .flatMap((one) => STATUS.lookupType('Status').decode(one).details)
    .filter((detail) => detail.typeUrl === `type.googleapis.com/google.rpc.${kind}`)
    .map((detail) => STATUS.lookupType(kind).decode(detail.value).toJSON());
}

function with_defaults(expected) {
  return { code: 'OK', reason: '', field: '', ...expected };
}

/** The library knows messages, not proto3 JSON; in what stories send, only a field mask looks different in it. */
function to_proto(request) {
  if (!request.updateMask) return request;
  const paths = request.updateMask.split(',').map((field) => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  return { ...request, updateMask: { paths } };
}

function matches(expected, actual) {
  if (Array.isArray(expected)) {
    return Array.isArray(actual) && expected.length === actual.length && expected.every((e, i) => matches(e, actual[i]));
  }
  if (typeof expected === 'object') {
    return typeof actual === 'object' && actual !== null && Object.keys(expected).every((k) => matches(expected[k], actual[k]));
  }
  return isDeepStrictEqual(expected, actual);
}

function fill(value, variables) {
  if (typeof value === 'string') {
    const named = value.replace(/\$\{(\w+)\}/g, (_, name) => {
      if (!(name in variables)) throw new Error(`no variable ${name}`);
      return variables[name];
    });
    return named.replace(/\$\{repeat:(.+?):(\d+)\}/g, (_, text, times) => text.repeat(Number(times)));
  }
  if (Array.isArray(value)) return value.flatMap(repeated).map((element) => fill(element, variables));
  if (typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, fill(element, variables)]));
  }
  return value;
}

/** In a list, `{"repeat": 3, "of": element}` stands for three of them. */
function repeated(element) {
  return typeof element?.repeat === 'number' ? Array(element.repeat).fill(element.of) : [element];
}

class Player {
  #client = new Client();
  #ignore;
  #streams = {};
  #variables = first_variables();

  constructor(story) {
    this.#ignore = story.ignore;
  }

  async play(raw) {
    const step = fill(raw, this.#variables);
    if (step.open) {
      this.#streams[step.open] = this.#client.open(step);
    } else if (step.call) {
      this.#save(step, (await this.#call(step)).response);
    } else if (step.frame) {
      for (const name of step.on) {
        this.#save(step, await this.#streams[name].expect('frame', step.frame, this.#ignore, step.eventually));
      }
    } else {
      const expected = with_defaults(step.end);
      for (const name of step.on) await this.#streams[name].expect('end', expected, this.#ignore);
    }
  }

  async #call(step) {
    const expected = with_defaults(step.expect);
    const deadline = Date.now() + LIMIT_MS;
    for (;;) {
      const actual = await (step.stream ? this.#client.open(step).outcome(this.#ignore) : this.#client.call(step));
      if (matches(expected, actual)) return actual;
      const again = step.eventually || actual.reason === 'ACCESS_UNKNOWN';
      if (!again || Date.now() > deadline) throw new Mismatch(expected, actual);
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
  }

  #save(step, source) {
    for (const [name, where] of Object.entries(step.save ?? {})) {
      this.#variables[name] = where.split('.').reduce((value, key) => value[key], source);
    }
  }
}

function first_variables() {
  const file = process.env.CREWLINE_VARIABLES;
  return { tenant: process.env.CREWLINE_TENANT, ...(file ? JSON.parse(fs.readFileSync(file, 'utf8')) : {}) };
}

async function main() {
  const story = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
  const player = new Player(story);
  console.log(story.title);
  for (const [index, step] of story.steps.entries()) {
    const number = String(index + 1).padStart(3);
    try {
      await player.play(step);
    } catch (error) {
      console.error(`FAILED ${number}  ${step.say}\n${error instanceof Mismatch ? error.message : error.stack}`);
      process.exit(1);
    }
    console.log(`ok ${number}  ${step.say}`);
  }
  console.log(`${story.steps.length} steps passed`);
  // The streams that are still open would keep the process alive.
  process.exit(0);
}

main();
