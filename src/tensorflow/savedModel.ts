import type { ModelFile } from './modelFile.ts';
export function openSavedModel(_path: string): Promise<ModelFile | undefined> { return Promise.resolve(undefined); }
