// What stands before the root element of a PAP document: encoding, and the version from DOCTYPE and <?wap-pap-ver?>.
// The DOCTYPE is recognised and never fetched; a declaration in it (entities!) is refused. PAP-20, pap.md 3. Pure.
#pragma once

#include <string>
#include <string_view>

#include "herald/expected.h"
#include "pap/pap_message.h"

namespace herald::push::pap {

struct Prolog {
  std::string encoding;   // of the XML declaration; empty: none
  std::string declared;   // version the DOCTYPE names, "2.1"; empty: no DOCTYPE
  std::string supported;  // supported-versions, "2.0,1.*"; empty: not said
  std::size_t root = 0;   // offset of the root element
};
[[nodiscard]] Expected<Prolog> read_prolog(std::string_view text);

struct VersionChoice {
  Version version = Version::v2_1;  // to answer in
  bool newer = false;               // a later minor version: what we do not know is skipped, not refused
  bool unsupported = false;         // another major version: 3002
};
[[nodiscard]] VersionChoice choose_version(const Prolog& prolog);

}  // namespace herald::push::pap
