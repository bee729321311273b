/** Shapes as files declare them: how many elements, and how messages write them. */

/** 0 when an axis has length 0, however long the others are; infinite or inexact only beyond 2⁵³. */
export function elementsOf(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((product, length) => product * length, 1);
}

export function showShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
