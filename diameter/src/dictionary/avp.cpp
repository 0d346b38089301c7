#include "dictionary/avp.h"

#include <cstring>

#include "dictionary/dictionary.h"
#include "dictionary/library.h"

namespace herald::diameter {

namespace {

bool add_value(AvpParent parent, std::uint32_t code, std::uint32_t vendor, avp_value* value, msg_brw_dir where) {
  auto* model = find_avp(code, vendor);
  if (model == nullptr) return false;
  avp* item = nullptr;
  if (fd_msg_avp_new(model, 0, &item) != 0) return false;
  if ((value != nullptr && fd_msg_avp_setvalue(item, value) != 0) || fd_msg_avp_add(parent.raw(), where, item) != 0) {
    fd_msg_free(reinterpret_cast<msg*>(item));  // frees a lone AVP as well
    return false;
  }
  return true;
}

avp_hdr* header_of(avp* item) noexcept {
  avp_hdr* header = nullptr;
  return item != nullptr && fd_msg_avp_hdr(item, &header) == 0 ? header : nullptr;
}

bool is(avp* item, std::uint32_t code, std::uint32_t vendor) noexcept {
  const auto* header = header_of(item);
  if (header == nullptr || header->avp_code != code) return false;
  const std::uint32_t its_vendor = (header->avp_flags & AVP_FLAG_VENDOR) != 0 ? header->avp_vendor : 0;
  return its_vendor == vendor;
}

avp* browse(void* from, msg_brw_dir direction) noexcept {
  msg_or_avp* found = nullptr;
  if (fd_msg_browse_internal(from, direction, &found, nullptr) != 0) return nullptr;
  return static_cast<avp*>(found);
}

std::optional<dict_avp_basetype> base_type(avp* item) noexcept {
  dict_object* model = nullptr;
  dict_avp_data data{};
  if (fd_msg_model(item, &model) != 0 || model == nullptr || fd_dict_getval(model, &data) != 0) return std::nullopt;
  return data.avp_basetype;
}

}  // namespace

bool add_text(AvpParent parent, std::uint32_t code, std::uint32_t vendor, std::string_view value, bool first) {
  avp_value data{};
  std::uint8_t none = 0;
  // The library only reads it; an empty view may have no address, which it refuses.
  data.os.data = value.empty() ? &none : reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
  data.os.len = value.size();
  return add_value(parent, code, vendor, &data, first ? MSG_BRW_FIRST_CHILD : MSG_BRW_LAST_CHILD);
}

bool add_u32(AvpParent parent, std::uint32_t code, std::uint32_t vendor, std::uint32_t value) {
  avp_value data{};
  data.u32 = value;
  return add_value(parent, code, vendor, &data, MSG_BRW_LAST_CHILD);
}

bool add_i32(AvpParent parent, std::uint32_t code, std::uint32_t vendor, std::int32_t value) {
  avp_value data{};
  data.i32 = value;
  return add_value(parent, code, vendor, &data, MSG_BRW_LAST_CHILD);
}

avp* add_group(AvpParent parent, std::uint32_t code, std::uint32_t vendor) {
  if (!add_value(parent, code, vendor, nullptr, MSG_BRW_LAST_CHILD)) return nullptr;
  return browse(parent.raw(), MSG_BRW_LAST_CHILD);
}

bool add_application(AvpParent parent, std::uint32_t application) {
  auto* group = add_group(parent, 260, 0);
  return group != nullptr && add_u32(group, 266, 0, kVendor3gpp) && add_u32(group, 258, 0, application) &&
         add_i32(parent, 277, 0, 1);
}

bool add_experimental_result(AvpParent parent, std::uint32_t code) {
  auto* group = add_group(parent, 297, 0);
  return group != nullptr && add_u32(group, 266, 0, kVendor3gpp) && add_u32(group, 298, 0, code);
}

avp* find_child(AvpParent parent, std::uint32_t code, std::uint32_t vendor) noexcept {
  for (auto* item = browse(parent.raw(), MSG_BRW_FIRST_CHILD); item != nullptr; item = browse(item, MSG_BRW_NEXT)) {
    if (is(item, code, vendor)) return item;
  }
  return nullptr;
}

avp* next_same(avp* item) noexcept {
  const auto* header = header_of(item);
  if (header == nullptr) return nullptr;
  const auto code = header->avp_code;
  const std::uint32_t vendor = (header->avp_flags & AVP_FLAG_VENDOR) != 0 ? header->avp_vendor : 0;
  for (item = browse(item, MSG_BRW_NEXT); item != nullptr; item = browse(item, MSG_BRW_NEXT)) {
    if (is(item, code, vendor)) return item;
  }
  return nullptr;
}

std::optional<std::string_view> text_of(avp* item) noexcept {
  const auto* header = header_of(item);
  if (header == nullptr || header->avp_value == nullptr || base_type(item) != AVP_TYPE_OCTETSTRING) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(header->avp_value->os.data), header->avp_value->os.len);
}

std::optional<std::uint32_t> u32_of(avp* item) noexcept {
  const auto* header = header_of(item);
  if (header == nullptr || header->avp_value == nullptr) return std::nullopt;
  const auto type = base_type(item);
  if (type == AVP_TYPE_UNSIGNED32) return header->avp_value->u32;
  if (type == AVP_TYPE_INTEGER32) return static_cast<std::uint32_t>(header->avp_value->i32);
  return std::nullopt;
}

}  // namespace herald::diameter
