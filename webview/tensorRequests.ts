/** Questions about single tensors, on their way to the extension and back. Only the newest is of interest: each takes the place of the one before it. */
import type { Progress } from '../src/protocol/rpc.ts';
import type { TensorDetailRequest } from '../src/protocol/service.ts';
import type { FromWebview, ToWebview, WireTensorDetail } from '../src/protocol/webview.ts';

export interface TensorAnswers {
  readonly progress: (progress: Progress) => void;
  readonly detail: (detail: WireTensorDetail) => void;
  readonly failed: (message: string) => void;
}

export class TensorRequests {
  readonly #post: (message: FromWebview) => void;
  #id = 0;
  #waiting: TensorAnswers | undefined;
  #last: WireTensorDetail | undefined;

  constructor(post: (message: FromWebview) => void) {
    this.#post = post;
  }

  ask(request: TensorDetailRequest, answers: TensorAnswers): void {
    this.#waiting = answers;
    this.#post({ type: 'tensor', id: ++this.#id, request });
  }

  /** Nobody waits any more. */
  cancel(): void {
    if (this.#waiting === undefined) return;
    this.#waiting = undefined;
    this.#post({ type: 'tensor-cancel' });
  }

  /** The last answer, when it was about this tensor: what to show until there is a newer one. */
  known({ file, tensor, slice }: TensorDetailRequest): WireTensorDetail | undefined {
    const last = this.#last;
    return last?.file === file && last.tensor === tensor && last.heatMap.slice.join() === (slice ?? []).join() ? last : undefined;
  }

  receive(message: Extract<ToWebview, { type: 'tensor' | 'tensor-progress' }>): void {
    if (message.id !== this.#id || this.#waiting === undefined) return;
    if (message.type === 'tensor-progress') {
      this.#waiting.progress(message.progress);
      return;
    }
    const answers = this.#waiting;
    this.#waiting = undefined;
    if ('message' in message) {
      answers.failed(message.message);
      return;
    }
    this.#last = message.detail;
    answers.detail(message.detail);
  }
}
