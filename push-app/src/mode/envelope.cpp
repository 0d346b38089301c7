#include "mode/envelope.h"

#include "text/entity_headers.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

using Fields = std::vector<SipHeaderField>;

const Content& content_of(const EnvelopeItem& item) {
  const auto& contents = item.job->contents;
  return contents[item.form.content < contents.size() ? item.form.content : contents.size() - 1];
}

// F-6: what the receiver must know about a push besides its bytes. The names are those of the OMA push message where it has one.
Fields control_fields(const EnvelopeItem& item, const EnvelopeRules& rules) {
  const auto& job = *item.job;
  Fields fields;
  fields.push_back({"Content-ID", "<" + job.id + "@" + rules.domain + ">"});
  for (auto& field : entity_headers(content_of(item))) fields.push_back(std::move(field));
  if (job.priority == Priority::high) fields.push_back({"Priority", "urgent"});
  if (job.priority == Priority::low) fields.push_back({"Priority", "non-urgent"});
  if (rules.name_application) fields.push_back({"X-Wap-Application-Id", job.application});
  // Not Expires: in a NOTIFY that would be read as the subscription's.
  if (job.deliver_before) fields.push_back({"X-Push-Deliver-Before", to_rfc1123(*job.deliver_before)});
  return fields;
}

std::string own_type(const EnvelopeItem& item) { return item.form.envelope ? std::string(kEnvelopeType) : content_of(item).type; }

void append(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ").append(value).append("\r\n");
}

std::string enclosed(const EnvelopeItem& item, const Fields& fields) {
  std::string text;
  append(text, "Content-Type", own_type(item));
  for (const auto& field : fields) append(text, field.name, field.value);
  return text + "\r\n";
}

}  // namespace

std::size_t Envelope::size() const noexcept {
  constexpr std::size_t kFieldFrame = 4;  // ": " and CRLF
  auto total = body.size() + std::string_view("Content-Type").size() + kFieldFrame + type.size();
  for (const auto& field : headers) total += field.name.size() + kFieldFrame + field.value.size();
  return total;
}

std::string reference_type(const ContentReference& reference) {
  return std::string(kExternalType) + ";access-type=\"URL\";URL=\"" + reference.url + "\";expiration=\"" +
         to_rfc1123(reference.expires) + "\";size=" + std::to_string(reference.size) + ";hash=" + reference.sha1;
}

Envelope wrap_one(const EnvelopeItem& item, const EnvelopeRules& rules) {
  Envelope envelope;
  if (item.report != nullptr) {
    auto inside = item;
    inside.report = nullptr;
    auto content = wrap_one(inside, rules);
    auto fields = std::move(content.headers);
    fields.insert(fields.begin(), {"Content-Type", std::move(content.type)});
    envelope.type = kCpimType;
    envelope.body = write_cpim(*item.report, item.now, fields, content.body);
    return envelope;
  }
  auto fields = control_fields(item, rules);
  if (item.reference != nullptr) {
    envelope.type = reference_type(*item.reference);
    envelope.body = enclosed(item, fields);
    return envelope;
  }
  envelope.type = own_type(item);
  envelope.headers = std::move(fields);
  envelope.body = content_of(item).bytes;
  return envelope;
}

Envelope wrap_many(std::span<const EnvelopeItem> items, const EnvelopeRules& rules, const std::string& boundary) {
  Envelope envelope;
  envelope.type = std::string(kBatchType) + ";boundary=" + boundary;
  auto& body = envelope.body;
  for (const auto& item : items) {
    body.append("--").append(boundary).append("\r\n");
    if (item.report != nullptr) {
      const auto whole = wrap_one(item, rules);
      append(body, "Content-Type", whole.type);
      body.append("\r\n").append(whole.body).append("\r\n");
      continue;
    }
    const auto fields = control_fields(item, rules);
    if (item.reference != nullptr) {
      append(body, "Content-Type", reference_type(*item.reference));
      body.append("\r\n").append(enclosed(item, fields));
    } else {
      body.append(enclosed(item, fields)).append(content_of(item).bytes);
    }
    body.append("\r\n");
  }
  body.append("--").append(boundary).append("--\r\n");
  return envelope;
}

}  // namespace herald::push
