#include "event/publication_record.h"

#include "herald/record.h"

namespace herald::event {
namespace {

enum Tag : FieldTag { kPackage = 1, kEtag, kType, kBody, kPublisher, kUpdated, kExpires, kHighest = kExpires };

}  // namespace

std::string encode(const PublicationRecord& record) {
  const auto& publication = record.publication;
  RecordWriter writer(1);
  writer.text(kPackage, publication.package).text(kEtag, publication.etag).text(kType, publication.type);
  writer.text(kBody, publication.body).text(kPublisher, publication.publisher);
  writer.time(kUpdated, publication.updated).time(kExpires, publication.expires).raw(record.unknown);
  return writer.take();
}

Expected<PublicationRecord> decode_publication(const std::string& resource, std::string_view bytes) {
  const auto reader = RecordReader::parse(bytes);
  if (!reader) return fail(reader.error());
  const auto text = [&](FieldTag tag) { return std::string(reader->text(tag).value_or("")); };
  PublicationRecord record;
  auto& publication = record.publication;
  publication.resource = resource;
  publication.package = text(kPackage);
  publication.etag = text(kEtag);
  publication.type = text(kType);
  publication.body = text(kBody);
  publication.publisher = text(kPublisher);
  const auto expires = reader->time(kExpires);
  if (publication.package.empty() || publication.etag.empty() || !expires) {
    return fail(ErrorCode::corrupt, "a publication without package, entity-tag or expiry");
  }
  publication.expires = *expires;
  publication.updated = reader->time(kUpdated).value_or(WallTime{});
  record.unknown = reader->unknown(kHighest);
  return record;
}

}  // namespace herald::event
