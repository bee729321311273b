/** Entry of the analysis process, started by the extension's host client. */
import { analyses } from '../analyses/service.ts';
import { serveInThisProcess } from './hostProcess.ts';

serveInThisProcess(analyses);
