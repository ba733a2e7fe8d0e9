/** Settings of the exporting gateway: what it marks, what it passes on, whom it does not ask. */
import type { JsonObject } from '@bufbuild/protobuf';
import { HEADER } from '../../gateway-config/naming.ts';
import { TYPE_URL } from '../../gateway-config/snapshot.ts';
import { isObject } from '../envoy/file-xds.ts';
import * as exporter from './checks-exporter.ts';
import { eachObject, edit, mentions, without, withoutItems, withValue } from './edits.ts';
import type { Mutant } from './mutant.ts';

const REPLIES = 'gateway-config/resources/local-replies.ts';
const TABLE = 'gateway-config/resources/route-ingress.ts';

export const EXPORTER_MUTANTS: readonly Mutant[] = [
  {
    name: 'direct-404',
    setting: 'no route for a service that is not exported, instead of a direct response',
    file: TABLE,
    why: 'the marker of a direct response is removed like one of an application, so the 404 would be final',
    check: exporter.WITHDRAWN,
    edit: edit(TYPE_URL.route, /^in\|/, answer404),
  },
  {
    name: 'not-exported-unmarked',
    setting: 'local_reply_config: NR is "unsent"',
    file: REPLIES,
    why: 'a POST to a service that was withdrawn a moment ago would fail although another peer serves it',
    check: exporter.WITHDRAWN,
    edit: edit(TYPE_URL.listener, /^in$/, withoutItems('mappers', mentions('not-exported'))),
  },
  {
    name: 'dead-pods-unmarked',
    setting: 'local_reply_config: UH, UF, UO, NC, NFCF are "unsent"',
    file: REPLIES,
    why: 'a POST to a peer whose pods are dead would fail although it never ran',
    check: exporter.REMOTE_PODS_DEAD,
    edit: edit(TYPE_URL.listener, /^in$/, withoutItems('mappers', mentions('UF'))),
  },
  {
    name: 'sent-unmarked',
    setting: 'local_reply_config: other errors of the gateway are "sent"',
    file: REPLIES,
    why: 'a GET whose remote pod died would fail although it may be asked again elsewhere',
    check: exporter.REMOTE_POD_RESETS,
    edit: edit(TYPE_URL.listener, /^in$/, withoutItems('mappers', mentions('sent'))),
  },
  {
    name: 'remote-pod-can-forge',
    setting: `response_headers_to_remove: ${HEADER.reply} of in|`,
    file: TABLE,
    why: 'a pod that sends our marker would have its POSTs run again elsewhere',
    check: exporter.FORGED_BY_REMOTE_POD,
    edit: edit(TYPE_URL.route, /^in\|/, without('response_headers_to_remove')),
  },
  {
    name: 'panic-threshold-default',
    setting: 'common_lb_config.healthy_panic_threshold: 0 of export| (default 50)',
    file: 'gateway-config/resources/cluster-settings.ts',
    why: 'with half of the pods failing their checks, all of them would be asked again',
    check: exporter.SICK_POD,
    edit: edit(TYPE_URL.cluster, /^export\|/, withValue('healthy_panic_threshold', { value: 50 })),
  },
];

/** As one would first write it: whatever the inner tree does not find gets a 404 that carries the marker. */
function answer404(table: JsonObject): void {
  eachObject(table, (object) => {
    const { matcher } = object;
    if (!isObject(matcher) || isObject(matcher['on_no_match'])) return;
    matcher['on_no_match'] = {
      action: {
        name: 'not-exported',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.config.route.v3.Route',
          match: { prefix: '/' },
          direct_response: { status: 404 },
          response_headers_to_add: [{ header: { key: HEADER.reply, value: 'unsent' } }],
        },
      },
    };
  });
}
