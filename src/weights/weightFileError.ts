/** How a reader of weight files says what is wrong, and how names from files are shown. */
import { visible } from '../protocol/untrustedText.ts';
import { UserError } from '../protocol/userError.ts';

/**
 * The one error that reading a weight file may end in. Its message is one sentence that names the file, the place (byte offset,
 * tensor or entry), what is wrong, and, where there is something, what to do.
 */
export class WeightFileError extends UserError {
  override readonly name = 'WeightFileError';
  readonly file: string;
  readonly place: string;
  readonly problem: string;

  /** @param place "header", "tensor \"a.weight\"", "entry data.pkl, byte 12"; empty when the whole file is meant. */
  constructor(file: string, place: string, problem: string) {
    super(place === '' ? `${showName(file)}: ${problem}` : `${showName(file)}: ${place}: ${problem}`);
    this.file = file;
    this.place = place;
    this.problem = problem;
  }
}

/** An untrusted name made safe to show in a message: nothing invisible, at most 200 characters. */
export function showName(name: string): string {
  // Cut first: a hostile name may be 100 MB long. What is cut here could not be shown anyway.
  const shown = visible(name.slice(0, 202));
  return shown.length <= 200 ? shown : `${shown.slice(0, 199)}…`;
}
