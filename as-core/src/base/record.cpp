#include "herald/record.h"

#include <array>

namespace herald {
namespace {

// format byte, schema (2 bytes, little endian), then per field: tag, length (both LEB128), value.
// The format byte lets a later codec be told from this one.
constexpr char kFormat = 1;
constexpr std::size_t kHeaderBytes = 3;
// A record is read into memory as a list of fields: bounded, since the bytes may be anything.
constexpr std::size_t kMaxFields = 10'000;

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(value | 0x80)));
    value >>= 7;
  }
  out.push_back(static_cast<char>(static_cast<unsigned char>(value)));
}

// Takes one number off the front; nothing if the bytes end or it exceeds `highest`.
std::optional<std::uint64_t> take_varint(std::string_view& bytes, std::uint64_t highest) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 35 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80) == 0) return value <= highest ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

void put_field(std::string& out, FieldTag tag, std::string_view value) {
  put_varint(out, tag);
  put_varint(out, value.size());
  out.append(value);
}

}  // namespace

RecordWriter::RecordWriter(std::uint16_t schema) {
  bytes_.push_back(kFormat);
  bytes_.push_back(static_cast<char>(static_cast<unsigned char>(schema)));
  bytes_.push_back(static_cast<char>(static_cast<unsigned char>(schema >> 8)));
}

RecordWriter& RecordWriter::text(FieldTag tag, std::string_view value) {
  put_field(bytes_, tag, value);
  return *this;
}

// As few little-endian bytes as bring the sign back; zero has none.
RecordWriter& RecordWriter::number(FieldTag tag, std::int64_t value) {
  std::array<char, 8> digits{};
  std::size_t length = 0;
  auto left = value;
  auto negative = false;  // as the bytes so far would be read
  while (left != (negative ? -1 : 0)) {
    const auto byte = static_cast<unsigned char>(left & 0xff);
    digits.at(length++) = static_cast<char>(byte);
    negative = (byte & 0x80) != 0;
    left >>= 8;
  }
  put_field(bytes_, tag, {digits.data(), length});
  return *this;
}

RecordWriter& RecordWriter::raw(std::string_view fields) {
  bytes_.append(fields);
  return *this;
}

Expected<RecordReader> RecordReader::parse(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return fail(ErrorCode::corrupt, "record: shorter than its header");
  if (bytes[0] != kFormat) return fail(ErrorCode::corrupt, "record: unknown format byte");
  RecordReader reader;
  reader.schema_ = static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[1]) | (static_cast<unsigned char>(bytes[2]) << 8));
  bytes.remove_prefix(kHeaderBytes);
  while (!bytes.empty()) {
    const auto tag = take_varint(bytes, UINT16_MAX);
    if (!tag) return fail(ErrorCode::corrupt, "record: bad field tag");
    const auto length = take_varint(bytes, UINT32_MAX);
    if (!length || *length > bytes.size()) return fail(ErrorCode::corrupt, "record: field longer than the record");
    if (reader.fields_.size() == kMaxFields) return fail(ErrorCode::corrupt, "record: too many fields");
    reader.fields_.push_back({static_cast<FieldTag>(*tag), bytes.substr(0, *length)});
    bytes.remove_prefix(*length);
  }
  return reader;
}

std::optional<std::string_view> RecordReader::text(FieldTag tag) const noexcept {
  for (const auto& field : fields_)
    if (field.tag == tag) return field.value;
  return std::nullopt;
}

std::vector<std::string_view> RecordReader::texts(FieldTag tag) const {
  std::vector<std::string_view> values;
  for (const auto& field : fields_)
    if (field.tag == tag) values.push_back(field.value);
  return values;
}

std::optional<std::int64_t> RecordReader::number(FieldTag tag) const noexcept {
  const auto bytes = text(tag);
  if (!bytes || bytes->size() > 8) return std::nullopt;
  const bool negative = !bytes->empty() && (static_cast<unsigned char>(bytes->back()) & 0x80) != 0;
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  for (std::size_t i = bytes->size(); i-- > 0;) value = (value << 8) | static_cast<unsigned char>((*bytes)[i]);
  return static_cast<std::int64_t>(value);
}

std::optional<WallTime> RecordReader::time(FieldTag tag) const noexcept {
  const auto value = number(tag);
  if (!value) return std::nullopt;
  return WallTime(std::chrono::milliseconds(*value));
}

std::string RecordReader::unknown(FieldTag highest_known) const {
  std::string bytes;
  for (const auto& field : fields_)
    if (field.tag > highest_known) put_field(bytes, field.tag, field.value);
  return bytes;
}

}  // namespace herald
