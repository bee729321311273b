/**
 * A list of state dicts, by itself or under a key (`samples.0.NAME`), or a model that holds its members in a list (`models.0.NAME`, `models.1.NAME`, …), seen as one state dict whose tensors
 * carry a leading draw axis: the form in which every other set of draws is read (`NAME` of shape M × … for `0.NAME` … `M−1.NAME`).
 */
import type { TensorInfo, WeightFile } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';
import { weightsByShortName } from './weightTensors.ts';

/**
 * The file itself when it is no such list; of a posterior with named dimensions (ArviZ) the variables alone. Closing the result closes the file.
 * @throws WeightFileError when the state dicts differ in their names, shapes or dtypes
 */
export function stackedStateDicts(file: WeightFile): WeightFile {
  // A posterior's variables have their draw axes already, and names that say where in the file they are.
  if (file.drawAxes !== undefined) return weightsByShortName(file);
  const { count, prefix } = file.stateDicts === undefined ? membersOf(file.tensors) : { count: file.stateDicts, prefix: '' };
  if (count === 0) return file;
  const begin = `${prefix}0.`;
  const first = file.tensors.filter(({ name }) => name.startsWith(begin)).map((tensor) => ({ ...tensor, name: tensor.name.slice(begin.length) }));
  for (let draw = 1; draw < count; draw++) {
    const different = first.find(({ name, shape, dtype }) => {
      const own = file.tensor(`${prefix}${draw}.${name}`);
      return own?.dtype !== dtype || own.shape.join() !== shape.join();
    });
    if (different !== undefined) throw new WeightFileError(file.path, `state dict ${draw}`, `tensor "${showName(different.name)}" is not there as it is in state dict 0, so these are not draws of one network`);
  }
  if (file.tensors.length !== count * first.length) throw new WeightFileError(file.path, '', `its ${count} state dicts do not hold the same tensors, so these are not draws of one network`);

  const stacked = new Map(first.map((tensor): [string, TensorInfo] => [
    tensor.name,
    { ...tensor, shape: [count, ...tensor.shape], elements: count * tensor.elements, bytes: count * tensor.bytes },
  ]));
  return {
    ...file,
    stateDicts: count,
    tensors: [...stacked.values()],
    tensor: (name) => stacked.get(name),
    async read(name, start = 0, end) {
      const each = (stacked.get(name)?.elements ?? 0) / count;
      const last = end ?? each * count;
      const values = new Float64Array(last - start);
      for (let draw = Math.floor(start / each); draw * each < last; draw++) {
        const [from, to] = [Math.max(start, draw * each), Math.min(last, (draw + 1) * each)];
        values.set(await file.read(`${prefix}${draw}.${name}`, from - draw * each, to - draw * each), from - start);
      }
      return values;
    },
    close: () => file.close(),
  };
}

/** Lists of members of an ensemble or of samples, by the names that people give them; a list of layers is called otherwise, and its members differ. */
function membersOf(tensors: readonly TensorInfo[]): { readonly count: number; readonly prefix: string } {
  const none = { count: 0, prefix: '' };
  const [, prefix] = /^((?:[^.]+\.)*?(?:models|members|ensemble|networks|nets|estimators|particles|(?:\w+_)?(?:samples|draws|state_dicts|snapshots|checkpoints)|trajectory|posterior|chain)\.)0\./.exec(tensors[0]?.name ?? '') ?? [];
  if (prefix === undefined) return none;
  let count = 0;
  const each = new Map<string, number>();
  for (const { name } of tensors) {
    const [, number, own] = name.startsWith(prefix) ? /^(\d+)\.(.+)$/s.exec(name.slice(prefix.length)) ?? [] : [];
    if (number === undefined || own === undefined) return none;
    count = Math.max(count, Number(number) + 1);
    each.set(own, (each.get(own) ?? 0) + 1);
  }
  return count >= 2 && [...each.values()].every((members) => members === count) ? { count, prefix } : none;
}
