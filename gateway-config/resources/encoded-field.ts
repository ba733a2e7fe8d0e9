/**
 * Parts of messages that were encoded before. A message carries them as fields that it does not know, which are written
 * as they are (protocol buffers, "Unknown Fields"): what is the same in a thousand routes is encoded once.
 */
import type { DescField, DescMessage, Message, MessageShape } from '@bufbuild/protobuf';
import { toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

export interface EncodedField {
  readonly no: number;
  readonly wireType: WireType;
  /** Length and content. */
  readonly data: Uint8Array;
}

/** `value` as the content of a message field. */
export function encodedField<Desc extends DescMessage>(
  field: Pick<DescField, 'number'>,
  schema: Desc,
  value: MessageShape<Desc>,
): EncodedField {
  return fieldOf(field.number, toBinary(schema, value));
}

export function fieldOf(no: number, content: Uint8Array): EncodedField {
  return { no, wireType: WireType.LengthDelimited, data: new BinaryWriter().bytes(content).finish() };
}

export function withEncoded<T extends Message>(message: T, fields: readonly EncodedField[]): T {
  message.$unknown = fields.map((field) => ({ ...field }));
  return message;
}
