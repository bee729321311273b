/**
 * The posterior of sets of draws that are longer than memory: seconds, processor time and the peak of resident memory beside what was planned,
 * each in a process of its own. The draws are those of four Gaussians over the weights of one network, so that only their means and deviations
 * are on the disk, and no draw occurs twice.
 * Usage, after a build: node test/bench/manyDraws.ts [PARAMETERS [MEMORY_GIB [DRAWS…]]]; by default 1,000,000 1 24 100 500.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { seededRandom } from '../../src/linalg/random.ts';
import { encodeElements } from '../../src/weights/dtype.ts';
import { writeSafetensors } from '../../src/weights/safetensorsWriter.ts';

const [parameters = 1_000_000, memory = 1, ...counts] = process.argv.slice(2).map(Number);
const MEANS = 4;
/** Deviation of a weight as a share of the deviation of its mean. */
const SPREAD = 0.3;
const cli = path.join(import.meta.dirname, '../../dist/cli.mjs');
/** Said on standard error when the process ends. */
const REPORT = 'data:text/javascript,process.on("exit",()=>{const{maxRSS,userCPUTime,systemCPUTime}=process.resourceUsage();process.stderr.write("\\nUSED "+JSON.stringify({peak:maxRSS*1024,cpu:(userCPUTime+systemCPUTime)/1e6})+"\\n")})';

/** 784 inputs, two hidden layers, the second about half as wide, 10 outputs: the widths with about so many parameters. */
function widthsFor(wanted: number): readonly number[] {
  const first = Math.round((-(784 + 6) + Math.sqrt((784 + 6) ** 2 + 2 * wanted)));
  return [784, first, Math.round(first / 2), 10];
}

interface Printed {
  readonly parameters: number;
  readonly selected: number;
  readonly functionError: number;
  readonly plan: { readonly mode: string; readonly bytes: number; readonly fileBytes: number; readonly seconds: number };
}

const folder = mkdtempSync(path.join(tmpdir(), 'quotient-bench-'));
try {
  const widths = widthsFor(parameters);
  const files: string[] = [];
  for (let f = 0; f < MEANS; f++) {
    const random = seededRandom(f);
    const tensors = widths.slice(1).flatMap((outputs, k) => {
      const inputs = widths[k]!;
      return [{ name: `${2 * k}.weight`, shape: [outputs, inputs] }, { name: `${2 * k}.bias`, shape: [outputs] }].flatMap(({ name, shape }) => {
        const length = shape.reduce((a, b) => a * b, 1);
        const scale = 1 / Math.sqrt(inputs);
        const mean = Float64Array.from({ length }, () => scale * random.normal());
        return [{ name: `${name}_mu`, values: mean }, { name: `${name}_sigma`, values: new Float64Array(length).fill(SPREAD * scale) }].map(({ name: own, values }) => ({ name: own, dtype: 'F32' as const, shape, bytes: encodeElements('F32', values) }));
      });
    });
    const file = path.join(folder, `${f}.safetensors`);
    await writeSafetensors(file, tensors, {}, { overwrite: false });
    files.push(file);
  }
  for (const draws of counts.length > 0 ? counts : [24, 100, 500]) {
    const began = performance.now();
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', REPORT, cli, 'posterior', ...files, '--activation', 'relu', '--draws', String(draws), '--memory', String(memory), '--json'], { encoding: 'utf8', maxBuffer: 2 ** 28 });
    if (status !== 0) throw new Error(stderr);
    const seconds = (performance.now() - began) / 1000;
    const { parameters: own, selected, functionError, plan } = JSON.parse(stdout) as Printed;
    const { peak, cpu } = JSON.parse(/USED (.*)/.exec(stderr)?.[1] ?? '') as { readonly peak: number; readonly cpu: number };
    const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    console.log(`${draws} × ${own}, ${memory} GiB allowed: ${seconds.toFixed(1)} s (planned ${plan.seconds.toFixed(1)}, processor ${cpu.toFixed(1)}), peak ${mib(peak)} (planned ${mib(plan.bytes)}, ratio ${(peak / plan.bytes).toFixed(3)}), ${plan.mode}, temporary file ${mib(plan.fileBytes)}, ${selected} compared, function error ${functionError.toExponential(1)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
