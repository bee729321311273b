/**
 * The zeros that "same" padding puts around a window's axis, by TensorFlow's rule (`tf.nn` "Notes on padding"), which is ONNX's `SAME_UPPER`
 * and Keras' `padding="same"` too: ⌈length / stride⌉ windows, and of an odd number of zeros one more behind than before.
 */

/** @returns zeros before and after */
export function samePadding(length: number, kernel: number, stride: number, dilation = 1): readonly [number, number] {
  const windows = Math.ceil(length / stride);
  const total = Math.max(0, (windows - 1) * stride + dilation * (kernel - 1) + 1 - length);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}
