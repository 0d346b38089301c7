#include "pap/pap_result.h"

#include "pap/pap_info.h"
#include "pap/pap_parser.h"

namespace herald::push {
namespace {

// When it entered the state it is in now: a later report does not make it a later event.
WallTime event_time(const Delivery& delivery) {
  for (auto line = delivery.history.rbegin(); line != delivery.history.rend(); ++line) {
    if (line->status == delivery.status) return line->at;
  }
  return delivery.updated;
}

// The quality that was reached: PAP-39 leaves it to us what preferconfirmed came to.
std::optional<pap::Quality> reached(std::optional<pap::Quality> asked, const Delivery& delivery) {
  if (asked && asked->method == pap::DeliveryMethod::prefer_confirmed) {
    asked->method = delivery.evidence == Evidence::receiver ? pap::DeliveryMethod::confirmed : pap::DeliveryMethod::unconfirmed;
  }
  return asked;
}

}  // namespace

std::string pap_result_notification(const PushJob& job, const Delivery& delivery) {
  const auto info = pap::parse_info(job.external_info);
  pap::Notification note;
  note.push_id = job.external_id.empty() ? job.id : job.external_id;
  note.sender_address = info.sender_address;
  note.sender_name = info.sender_name;
  note.received = job.created;
  note.at = event_time(delivery);
  note.state = pap::message_state(delivery.status);
  note.code = pap_code(delivery);
  note.desc = delivery.cause;
  note.address = delivery.given.empty() ? delivery.address : delivery.given;  // PAP-54
  note.quality = reached(info.quality, delivery);
  return pap::to_xml({info.version, std::move(note)});
}

int pap_code(const Delivery& delivery) noexcept {
  if (!delivery.final()) return 1000;
  return delivery.code == 1001 ? 4000 : delivery.code;
}

bool pap_result_taken(int http_status, std::string_view body) {
  if (http_status < 200 || http_status > 299) return false;
  const auto document = pap::parse_document(body);
  // It was received; what is said beside that in other words than PAP's changes nothing.
  if (!document) return true;
  const auto retry_later = [](int code) { return code >= 3000; };
  if (const auto* answer = std::get_if<pap::NotificationAnswer>(&document->body)) return !retry_later(answer->code);
  // It could not read us, and will not the next time either, unless it says that it is in trouble itself.
  if (const auto* bad = std::get_if<pap::BadMessage>(&document->body)) return bad->code / 1000 != 4;
  return true;
}

}  // namespace herald::push
