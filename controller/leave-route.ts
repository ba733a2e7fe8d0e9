import { errorText, type IsthmusError } from '../runtime/errors.ts';
import type { Answer, Routes } from './admin/routes.ts';
import type { Controller } from './controller.ts';
import { DepartureError } from './departure.ts';

/** The admin route by which `isthmus leave` asks. */
const TEXT = 'text/plain; charset=utf-8';

type Leaver = Pick<Controller, 'leave' | 'config' | 'role'>;

export function leaveRoute(controller: Leaver): Routes {
  return { '/v1/leave': { surfaces: ['socket'], method: 'POST', answer: () => leave(controller) } };
}

async function leave(controller: Leaver): Promise<Answer> {
  const { config, role } = controller;
  if (config.authority) {
    const body = 'this site is the authority: without it nobody is admitted or removed any more';
    return { status: 409, type: TEXT, body };
  }
  if (!role.mayWrite) return { status: 409, type: TEXT, body: 'this replica does not lead: ask the one that does' };
  try {
    return { status: 200, type: 'application/json', body: JSON.stringify(await controller.leave()) };
  } catch (error) {
    if (!(error instanceof DepartureError)) throw error;
    return { status: 503, type: TEXT, body: sentence(error) };
  }
}

function sentence(error: IsthmusError): string {
  return error.hint === undefined ? errorText(error) : `${errorText(error)}; ${error.hint}`;
}
