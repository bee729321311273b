/** How messages call the opcodes and values of a pickle. */
import type { PickleValue } from './pickleValue.ts';

export function describe(value: PickleValue): string {
  if (value === null) return 'None';
  if (typeof value !== 'object') return typeof value === 'string' ? 'a text' : typeof value === 'boolean' ? 'a truth value' : 'a number';
  switch (value.kind) {
    case 'global': return value.name;
    case 'call': return `a result of ${value.callee}`;
    case 'persistent': return 'a storage';
    case 'bytes': return 'bytes';
    default: return `a ${value.kind}`;
  }
}

/** The name of an opcode that exists but is refused, in parentheses. */
export function opcodeName(opcode: number): string {
  const names: Readonly<Record<number, string>> = { 0x69: 'INST', 0x6f: 'OBJ', 0x82: 'EXT1', 0x83: 'EXT2', 0x84: 'EXT4', 0x97: 'NEXT_BUFFER', 0x98: 'READONLY_BUFFER' };
  const name = names[opcode];
  return name === undefined ? '' : ` (${name})`;
}
