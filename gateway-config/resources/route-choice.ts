/**
 * The choice of clusters of `route-clusters.ts`, encoded. With a hundred peers it is nearly all of a route table, and both
 * routes of a service have the same one; what is said of one peer is the same in every table where its weight is.
 */
import { toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  ClusterSpecifierPluginSchema,
  RouteActionSchema,
  WeightedCluster_ClusterWeightSchema as ClusterWeightSchema,
  WeightedClusterSchema,
} from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { UInt32ValueSchema } from '../gen/google/protobuf/wrappers_pb.ts';
import type { EgressIR } from '../ir.ts';
import { type EncodedField, fieldOf } from './encoded-field.ts';
import { concatenate } from './frame.ts';
import { type ChosenCluster, clusterChoice, isTiered, weightedClusters } from './route-clusters.ts';

const FIELDS = RouteActionSchema.field;
/** Peers by weights of the present and the recent past. */
const SHARES_MAX = 8_192;
const shares = new Map<string, Uint8Array>();

/** A field of `RouteAction`. */
export function encodedChoice(egress: EgressIR): EncodedField {
  if (!isTiered(egress)) {
    return fieldOf(FIELDS.weightedClusters.number, concatenate(weightedClusters(egress).map(encodedShare)));
  }
  const choice = clusterChoice(egress);
  const plugin = choice.case === 'inlineClusterSpecifierPlugin' ? choice.value : undefined;
  if (plugin === undefined) throw new TypeError('several tiers are chosen from by a plugin');
  return fieldOf(FIELDS.inlineClusterSpecifierPlugin.number, toBinary(ClusterSpecifierPluginSchema, plugin));
}

/** One entry of `WeightedCluster.clusters`. */
function encodedShare({ name, weight }: ChosenCluster): Uint8Array {
  const key = `${weight} ${name}`;
  const known = shares.get(key);
  if (known !== undefined) return known;
  if (shares.size >= SHARES_MAX) shares.clear();
  const { field } = ClusterWeightSchema;
  const bytes = new BinaryWriter()
    .tag(WeightedClusterSchema.field.clusters.number, WireType.LengthDelimited)
    .fork()
    .tag(field.name.number, WireType.LengthDelimited)
    .string(name)
    .tag(field.weight.number, WireType.LengthDelimited)
    .fork()
    .tag(UInt32ValueSchema.field.value.number, WireType.Varint)
    .uint32(weight)
    .join()
    .join()
    .finish();
  shares.set(key, bytes);
  return bytes;
}
