/**
 * What a posterior predictive needs to know that is in no weight file: the data, the likelihood, its noise and the prior. Asked each time
 * with the last answers filled in, which stay with the network in the workspace's own storage.
 */
import * as vscode from 'vscode';
import { predictionMethods, type PredictRequest } from '../protocol/service.ts';
import { likelihoodItems } from './likelihoodItems.ts';

export type PredictionChoice = Pick<PredictRequest, 'data' | 'test' | 'likelihood' | 'noise' | 'priorPrecision' | 'methods' | 'dropoutRate'>;

const KEY = 'prediction:';

export class PredictionChoices {
  readonly #state: vscode.Memento;

  constructor(state: vscode.Memento) {
    this.#state = state;
  }

  /** Of the last prediction with this network; what an older version kept may not be whole. */
  of(file: string): Partial<PredictionChoice> {
    const kept = this.#state.get<unknown>(keyOf(file));
    if (typeof kept !== 'object' || kept === null) return {};
    const { data, test, likelihood, noise, priorPrecision, methods, dropoutRate } = kept as Readonly<Record<string, unknown>>;
    const known = likelihoodItems().find(({ value }) => value === likelihood)?.value;
    return {
      ...(typeof data === 'string' ? { data } : {}),
      ...(typeof test === 'string' ? { test } : {}),
      ...(known === undefined ? {} : { likelihood: known }),
      ...(typeof noise === 'number' ? { noise } : {}),
      ...(typeof priorPrecision === 'number' || priorPrecision === 'evidence' ? { priorPrecision } : {}),
      ...(Array.isArray(methods) ? { methods: predictionMethods.filter((method) => methods.includes(method)) } : {}),
      ...(typeof dropoutRate === 'number' ? { dropoutRate } : {}),
    };
  }

  async remember(file: string, choice: PredictionChoice): Promise<void> {
    await this.#state.update(keyOf(file), choice);
  }
}

const keyOf = (file: string): string => KEY + vscode.Uri.file(file).toString();
