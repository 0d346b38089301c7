// The stored form of a registration. Numbers of fields are for ever: never reuse one.
#include "herald/record.h"
#include "ims/registration_view_impl.h"

namespace herald::ims {
namespace {

constexpr std::uint16_t kSchema = 1;
enum Tag : FieldTag {
  kUser = 1,
  kScscf = 2,
  kContact = 3,  // repeated; a record of its own
  kContactsKnown = 4,
  kAssociated = 5,  // repeated
  kPath = 6,        // repeated
  kServiceInfo = 7,
  kSource = 8,
  kTrace = 9,
  kUpdated = 10,
  kExpires = 11,
};
enum ContactTag : FieldTag { kContactUri = 1, kContactParams = 2, kContactApplication = 3, kContactExpires = 4 };

std::string encode_contact(const RegisteredContact& contact) {
  RecordWriter writer(kSchema);
  writer.text(kContactUri, contact.uri).text(kContactParams, contact.params.text()).time(kContactExpires, contact.expires);
  for (const auto& application : contact.applications) writer.text(kContactApplication, application);
  return writer.take();
}

Expected<RegisteredContact> decode_contact(std::string_view record) {
  const auto reader = RecordReader::parse(record);
  if (!reader) return fail(reader.error());
  RegisteredContact contact;
  contact.uri = std::string(reader->text(kContactUri).value_or(""));
  auto params = SipParams::parse(reader->text(kContactParams).value_or(""));
  if (contact.uri.empty() || !params) return fail(ErrorCode::corrupt, "contact record");
  contact.params = std::move(*params);
  contact.expires = reader->time(kContactExpires).value_or(WallTime{});
  for (const auto application : reader->texts(kContactApplication)) contact.applications.emplace_back(application);
  return contact;
}

}  // namespace

std::string encode(const Registration& registration) {
  RecordWriter writer(kSchema);
  writer.text(kUser, registration.user).text(kScscf, registration.scscf).flag(kContactsKnown, registration.contacts_known);
  for (const auto& contact : registration.contacts) writer.text(kContact, encode_contact(contact));
  for (const auto& uri : registration.associated) writer.text(kAssociated, uri);
  for (const auto& path : registration.path) writer.text(kPath, path);
  writer.text(kServiceInfo, registration.service_info).text(kSource, registration.source).text(kTrace, registration.trace);
  writer.time(kUpdated, registration.updated).time(kExpires, registration.expires);
  return writer.take();
}

Expected<Registration> decode_registration(std::string_view record) {
  const auto reader = RecordReader::parse(record);
  if (!reader) return fail(reader.error());
  const auto text = [&](FieldTag tag) { return std::string(reader->text(tag).value_or("")); };
  Registration registration;
  registration.user = text(kUser);
  const auto expires = reader->time(kExpires);
  if (registration.user.empty() || !expires) return fail(ErrorCode::corrupt, "registration record without user or expiry");
  registration.scscf = text(kScscf);
  registration.contacts_known = reader->flag(kContactsKnown);
  for (const auto part : reader->texts(kContact)) {
    auto contact = decode_contact(part);
    if (!contact) return fail(std::move(contact.error()));
    registration.contacts.push_back(std::move(*contact));
  }
  for (const auto uri : reader->texts(kAssociated)) registration.associated.emplace_back(uri);
  for (const auto path : reader->texts(kPath)) registration.path.emplace_back(path);
  registration.service_info = text(kServiceInfo);
  registration.source = text(kSource);
  registration.trace = text(kTrace);
  registration.updated = reader->time(kUpdated).value_or(WallTime{});
  registration.expires = *expires;
  return registration;
}

}  // namespace herald::ims
