/**
 * The infrastructure's own answers are marked, the application's never: the caller's gateway can then retry elsewhere what
 * certainly did not run ("unsent", any method) or may have run ("sent", repeatable methods). The first match wins.
 */
import { create } from '@bufbuild/protobuf';
import { ComparisonFilter_Op } from '../gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import type {
  LocalReplyConfig,
  ResponseMapper,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import {
  LocalReplyConfigSchema,
  ResponseMapperSchema,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { HEADER } from '../naming.ts';
import { setHeader } from './messages.ts';

/** No route: not exported, or not granted to this caller; the two look alike on purpose. */
const NOT_EXPORTED_FLAGS = ['NR'];
/** No healthy upstream, connection failure, overflow, no cluster, no filter config: nothing was sent to a pod. */
const UNSENT_FLAGS = ['UH', 'UF', 'UO', 'NC', 'NFCF'];
const LOWEST_ERROR_STATUS = 400;
/** Envoy demands a runtime key for a threshold; nobody sets this one. */
const UNUSED_RUNTIME_KEY = 'isthmus.none';

export function localReplies(): LocalReplyConfig {
  return create(LocalReplyConfigSchema, {
    mappers: [
      byFlags(NOT_EXPORTED_FLAGS, 'not-exported'),
      byFlags(UNSENT_FLAGS, '%RESPONSE_FLAGS%'),
      create(ResponseMapperSchema, {
        filter: {
          filterSpecifier: {
            case: 'statusCodeFilter',
            value: {
              comparison: {
                op: ComparisonFilter_Op.GE,
                value: { defaultValue: LOWEST_ERROR_STATUS, runtimeKey: UNUSED_RUNTIME_KEY },
              },
            },
          },
        },
        headersToAdd: [setHeader(HEADER.reply, 'sent')],
      }),
    ],
  });
}

function byFlags(flags: string[], reason: string): ResponseMapper {
  return create(ResponseMapperSchema, {
    filter: { filterSpecifier: { case: 'responseFlagFilter', value: { flags } } },
    headersToAdd: [setHeader(HEADER.reply, 'unsent'), setHeader(HEADER.reason, reason)],
  });
}
