/**
 * A pickle machine that calls nothing: the stack language of Python's `pickle` (protocols 0 to 5, as `Lib/pickletools.py` of CPython
 * describes it), read into the inert records of `pickleValue.ts`. Every opcode takes at least one byte and makes a bounded number of
 * records, lengths are checked against the bytes that remain, and names against the list in `pickleGlobals.ts`: time and
 * memory are linear in the pickle's length.
 */
import { PickleReader } from './pickleReader.ts';
import { globalName, roleOf } from './pickleGlobals.ts';
import { describe, opcodeName } from './pickleWords.ts';
import { PickleCall, PickleDict, PicklePersistent, PickleSequence, checkTree } from './pickleValue.ts';
import type { PickleGlobal, PickleValue } from './pickleValue.ts';
import { showName } from './weightFileError.ts';

// Written out, a pickle without sharing has fewer values than bytes; a state dict that occurs a few times has a few times as many.
const VALUES_PER_BYTE = 16;
const VALUES_AT_LEAST = 100_000;
const VALUES_BY_SHARING = 4_000_000;
// A record takes some hundred bytes of memory, but as little as one byte of the pickle. A tensor takes about fifteen.
const MOST_RECORDS = 1_000_000;
const DEEPEST_STACK = 4_000_000;
const MOST_MARKS = 10_000;

/**
 * @param place what the bytes are, for messages: "entry archive/data.pkl"
 * @throws WeightFileError naming the byte offset and what is wrong there
 */
export function readPickle(path: string, place: string, bytes: Uint8Array): PickleValue {
  return readPickleAt(path, place, bytes, 0).value;
}

/**
 * One of several pickles that follow each other.
 * @param start its first byte
 * @returns what it describes, and the byte behind it
 * @throws WeightFileError naming the byte offset, counted from the beginning of `bytes`
 */
export function readPickleAt(path: string, place: string, bytes: Uint8Array, start: number): { readonly value: PickleValue; readonly end: number } {
  const mostValues = Math.max(bytes.length, Math.min(VALUES_BY_SHARING, VALUES_AT_LEAST + VALUES_PER_BYTE * bytes.length));
  const machine = new PickleMachine(new PickleReader(path, place, bytes, start), mostValues);
  const value = machine.run();
  const problem = checkTree(value, mostValues);
  if (problem !== undefined) throw machine.reader.error(`the value that it describes ${problem}; nothing was executed`, start);
  return { value, end: machine.reader.position };
}

/** What `torch.save(model)` names first: a class of layers or of the user's script. */
const MODEL_CLASS = /^(?:__main__|torch\.nn|torchvision|timm|transformers)\./;

class PickleMachine {
  readonly reader: PickleReader;
  readonly #stack: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  /** What may still be copied by calls that copy their argument: without a bound, a short pickle could copy a long list for ever. */
  #copies: number;
  #records = 0;

  constructor(reader: PickleReader, mostValues: number) {
    this.reader = reader;
    this.#copies = mostValues;
  }

  run(): PickleValue {
    for (;;) {
      const opcode = this.reader.opcode();
      if (opcode === 0x2e) break; // STOP
      if (!this.#constant(opcode) && !this.#container(opcode) && !this.#bookkeeping(opcode) && !this.#object(opcode)) {
        throw this.reader.error(`opcode 0x${opcode.toString(16).padStart(2, '0')}${opcodeName(opcode)} is not one that weights need; nothing was executed`);
      }
    }
    const value = this.#pop();
    if (this.#stack.length > 0 || this.#marks.length > 0) throw this.reader.error('the pickle ends with values left over');
    return value;
  }

  #constant(opcode: number): boolean {
    const value = this.reader.constant(opcode);
    if (value === undefined) return false;
    this.#push(value);
    return true;
  }

  #container(opcode: number): boolean {
    switch (opcode) {
      case 0x5d: this.#push(new PickleSequence('list', [])); return true; // EMPTY_LIST
      case 0x29: this.#push(new PickleSequence('tuple', [])); return true; // EMPTY_TUPLE
      case 0x7d: this.#push(new PickleDict('dict')); return true; // EMPTY_DICT
      case 0x8f: this.#push(new PickleSequence('set', [])); return true; // EMPTY_SET
      case 0x6c: this.#push(new PickleSequence('list', this.#popToMark())); return true; // LIST
      case 0x74: this.#push(new PickleSequence('tuple', this.#popToMark())); return true; // TUPLE
      case 0x91: this.#push(new PickleSequence('set', this.#popToMark())); return true; // FROZENSET
      case 0x85: case 0x86: case 0x87: { // TUPLE1, TUPLE2, TUPLE3
        const items: PickleValue[] = [];
        for (let i = 0x85; i <= opcode; i++) items.unshift(this.#pop());
        this.#push(new PickleSequence('tuple', items));
        return true;
      }
      case 0x64: { // DICT
        const items = this.#popToMark();
        const dict = new PickleDict('dict');
        this.#setItems(dict, items);
        this.#push(dict);
        return true;
      }
      case 0x61: { // APPEND
        const item = this.#pop();
        this.#sequence('list').push(item);
        return true;
      }
      case 0x65: { // APPENDS
        const items = this.#popToMark();
        const list = this.#sequence('list');
        for (const item of items) list.push(item);
        return true;
      }
      case 0x90: { // ADDITEMS
        const items = this.#popToMark();
        const set = this.#sequence('set');
        for (const item of items) set.push(item);
        return true;
      }
      case 0x73: { // SETITEM
        const value = this.#pop();
        const key = this.#pop();
        this.#setItems(this.#top(), [key, value]);
        return true;
      }
      case 0x75: { // SETITEMS
        const items = this.#popToMark();
        this.#setItems(this.#top(), items);
        return true;
      }
      default: return false;
    }
  }

  /** Stack, marks, memo and frames. */
  #bookkeeping(opcode: number): boolean {
    switch (opcode) {
      case 0x80: { // PROTO
        const version = this.reader.uint(1);
        if (version > 5) throw this.reader.error(`is pickle protocol ${version}; 0 to 5 are known`);
        return true;
      }
      case 0x95: this.reader.frame(); return true; // FRAME
      case 0x28: // MARK
        if (this.#marks.length >= MOST_MARKS) throw this.reader.error(`more than ${MOST_MARKS} marks are open`);
        this.#marks.push(this.#stack.length);
        return true;
      case 0x30: // POP, which may also drop a mark
        if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
        else this.#pop();
        return true;
      case 0x31: this.#popToMark(); return true; // POP_MARK
      case 0x32: this.#push(this.#top()); return true; // DUP
      case 0x67: this.#push(this.#recall(this.reader.memoIndex())); return true; // GET
      case 0x68: this.#push(this.#recall(this.reader.uint(1))); return true; // BINGET
      case 0x6a: this.#push(this.#recall(this.reader.uint(4))); return true; // LONG_BINGET
      case 0x70: this.#remember(this.reader.memoIndex()); return true; // PUT
      case 0x71: this.#remember(this.reader.uint(1)); return true; // BINPUT
      case 0x72: this.#remember(this.reader.uint(4)); return true; // LONG_BINPUT
      case 0x94: this.#remember(this.#memo.size); return true; // MEMOIZE
      default: return false;
    }
  }

  /** Where an ordinary unpickler imports and calls, and this one writes down what was asked for. */
  #object(opcode: number): boolean {
    switch (opcode) {
      case 0x63: { // GLOBAL
        const module = this.reader.line();
        this.#push(this.#global(module, this.reader.line()));
        return true;
      }
      case 0x93: { // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        if (typeof name !== 'string' || typeof module !== 'string') throw this.reader.error('asks for a global whose name is not text');
        this.#push(this.#global(module, name));
        return true;
      }
      case 0x69: { // INST names a class, and a global outside the list should be named before the opcode is
        const module = this.reader.line();
        this.#global(module, this.reader.line());
        return false;
      }
      case 0x52: case 0x81: { // REDUCE, NEWOBJ
        const args = this.#pop();
        this.#push(this.#call(this.#pop(), args));
        return true;
      }
      case 0x92: { // NEWOBJ_EX
        const keywords = this.#pop();
        const args = this.#pop();
        const callee = this.#pop();
        if (!isDict(keywords) || keywords.entries.length > 0) throw this.reader.error('asks for a call with keyword arguments, which weights do not need; nothing was executed');
        this.#push(this.#call(callee, args));
        return true;
      }
      case 0x62: { // BUILD
        const state = this.#pop();
        const target = this.#top();
        if (target instanceof PickleCall) target.state = state;
        else if (isDict(target) && target.type !== 'dict') target.attributes = state;
        else throw this.reader.error(`sets the state of ${describe(target)}, which has none`);
        return true;
      }
      case 0x50: this.#push(new PicklePersistent(this.reader.line())); return true; // PERSID
      case 0x51: this.#push(new PicklePersistent(this.#pop())); return true; // BINPERSID
      default: return false;
    }
  }

  #global(module: string, attribute: string): PickleGlobal {
    const name = globalName(module, attribute);
    if (roleOf(name) === undefined) throw this.reader.error(`asks for ${showName(name)}, which is not among the names that weights need; nothing was executed${MODEL_CLASS.test(name) ? '. A pickled model is code: save model.state_dict() instead' : ''}`);
    return { kind: 'global', name };
  }

  #call(callee: PickleValue, args: PickleValue): PickleValue {
    if (callee === null || typeof callee !== 'object' || callee.kind !== 'global') throw this.reader.error(`calls ${describe(callee)} instead of a function; nothing was executed`);
    if (!(args instanceof PickleSequence) || args.kind !== 'tuple') throw this.reader.error(`calls ${callee.name} with ${describe(args)} instead of a tuple of arguments; nothing was executed`);
    const [first, second] = args.items;
    const copied = isDict(first) ? first.entries.length : first instanceof PickleSequence ? first.items.length : typeof first === 'string' ? first.length : 0;
    this.#copies -= copied;
    if (this.#copies < 0) throw this.reader.error('copies the same values over and over, as no file of weights does; nothing was executed');
    switch (roleOf(callee.name)) {
      case 'dict': {
        const dict = new PickleDict(callee.name);
        if (isDict(first)) this.#setItems(dict, first.entries.flat());
        else if (first instanceof PickleSequence) this.#setItems(dict, first.items.flatMap((pair) => (pair instanceof PickleSequence && pair.items.length === 2 ? pair.items : [pair])));
        return dict;
      }
      case 'set': return new PickleSequence('set', first instanceof PickleSequence ? first.items.slice() : []);
      case 'bytes': {
        // How protocol 2, which knows no bytes, spells them: a text of the code points 0 to 255.
        if (typeof first !== 'string' || (second !== 'latin1' && second !== undefined) || args.items.length > 2) return new PickleCall(callee.name, args.items);
        return { kind: 'bytes', bytes: Buffer.from(first, 'latin1') };
      }
      case 'call': return new PickleCall(callee.name, args.items);
      default: throw this.reader.error(`calls ${callee.name}, which is no function; nothing was executed`);
    }
  }

  #setItems(target: PickleValue, items: readonly PickleValue[]): void {
    if (!isDict(target)) throw this.reader.error(`puts an item into ${describe(target)} instead of a dict`);
    if (items.length % 2 !== 0) throw this.reader.error('a dict gets a key without a value');
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!;
      if (!target.add(key, items[i + 1]!)) throw this.reader.error(`a dict gets the key ${typeof key === 'string' ? `"${showName(key)}"` : describe(key)} twice`);
    }
  }

  #sequence(kind: 'list' | 'set'): PickleValue[] {
    const target = this.#top();
    if (!(target instanceof PickleSequence) || target.kind !== kind) throw this.reader.error(`adds an item to ${describe(target)} instead of a ${kind}`);
    return target.items;
  }

  #push(value: PickleValue): void {
    if (typeof value === 'object' && value !== null && ++this.#records > MOST_RECORDS) throw this.reader.error(`more than ${MOST_RECORDS} records are made, more than any file of weights needs`);
    if (this.#stack.length >= DEEPEST_STACK) throw this.reader.error(`the stack holds more than ${DEEPEST_STACK} values`);
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack.length > (this.#marks.at(-1) ?? 0) ? this.#stack.at(-1) : undefined;
    if (value === undefined) throw this.reader.error('takes a value from an empty stack');
    return value;
  }

  #popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.reader.error('takes the values after a mark, but there is no mark');
    return this.#stack.splice(mark);
  }

  #remember(index: number): void {
    this.#memo.set(index, this.#top());
    if (this.#memo.size > MOST_RECORDS) throw this.reader.error(`the memo holds more than ${MOST_RECORDS} values, more than any file of weights needs`);
  }

  #recall(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.reader.error(`takes value ${index} from the memo, which was never put there`);
    return value;
  }
}

function isDict(value: PickleValue | undefined): value is PickleDict {
  return value instanceof PickleDict;
}
