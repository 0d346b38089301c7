// All AVPs of TS 29.229 and TS 29.329, External-Identifier of TS 29.336, and what RFC 7683, 7944, 8581 and 8583 add.
#include "dictionary/dictionary.h"

namespace herald::diameter {

namespace {

constexpr bool kM = true;
constexpr bool kNoM = false;
constexpr auto kTgpp = kVendor3gpp;

}  // namespace

const std::vector<AvpRow>& avp_table() {
  using enum AvpType;
  static const std::vector<AvpRow> table = {
      // RFC 5090 and NASREQ, used inside SIP-Auth-Data-Item: vendor 0 (CX-12)
      {8, 0, "Framed-IP-Address", octets, kM},
      {96, 0, "Framed-Interface-Id", unsigned64, kM},
      {97, 0, "Framed-IPv6-Prefix", octets, kM},
      {104, 0, "Digest-Realm", utf8, kM},
      {110, 0, "Digest-QoP", utf8, kM},
      {111, 0, "Digest-Algorithm", utf8, kM},
      {121, 0, "Digest-HA1", utf8, kM},
      {500, kVendorEtsi, "Line-Identifier", octets, kNoM},
      // RFC 7944 priority, RFC 7683 and 8581 overload, RFC 8583 load
      {301, 0, "DRMP", integer32, kNoM},
      {621, 0, "OC-Supported-Features", grouped, kNoM},
      {622, 0, "OC-Feature-Vector", unsigned64, kNoM},
      {623, 0, "OC-OLR", grouped, kNoM},
      {624, 0, "OC-Sequence-Number", unsigned64, kNoM},
      {625, 0, "OC-Validity-Duration", unsigned32, kNoM},
      {626, 0, "OC-Report-Type", integer32, kNoM},
      {627, 0, "OC-Reduction-Percentage", unsigned32, kNoM},
      {648, 0, "OC-Peer-Algo", unsigned64, kNoM},
      {649, 0, "SourceID", identity, kNoM},
      {650, 0, "Load", grouped, kNoM},
      {651, 0, "Load-Type", integer32, kNoM},
      {652, 0, "Load-Value", unsigned64, kNoM},
      // TS 29.229 6.3
      {600, kTgpp, "Visited-Network-Identifier", octets, kM},
      {601, kTgpp, "Public-Identity", utf8, kM},
      {602, kTgpp, "Server-Name", utf8, kM},
      {603, kTgpp, "Server-Capabilities", grouped, kM},
      {604, kTgpp, "Mandatory-Capability", unsigned32, kM},
      {605, kTgpp, "Optional-Capability", unsigned32, kM},
      {606, kTgpp, "Cx-User-Data", octets, kM},
      {607, kTgpp, "SIP-Number-Auth-Items", unsigned32, kM},
      {608, kTgpp, "SIP-Authentication-Scheme", utf8, kM},
      {609, kTgpp, "SIP-Authenticate", octets, kM},
      {610, kTgpp, "SIP-Authorization", octets, kM},
      {611, kTgpp, "SIP-Authentication-Context", octets, kM},
      {612, kTgpp, "SIP-Auth-Data-Item", grouped, kM},
      {613, kTgpp, "SIP-Item-Number", unsigned32, kM},
      {614, kTgpp, "Server-Assignment-Type", integer32, kM},
      {615, kTgpp, "Deregistration-Reason", grouped, kM},
      {616, kTgpp, "Reason-Code", integer32, kM},
      {617, kTgpp, "Reason-Info", utf8, kM},
      {618, kTgpp, "Charging-Information", grouped, kM},
      {619, kTgpp, "Primary-Event-Charging-Function-Name", uri, kM},
      {620, kTgpp, "Secondary-Event-Charging-Function-Name", uri, kM},
      {621, kTgpp, "Primary-Charging-Collection-Function-Name", uri, kM},
      {622, kTgpp, "Secondary-Charging-Collection-Function-Name", uri, kM},
      {623, kTgpp, "User-Authorization-Type", integer32, kM},
      {624, kTgpp, "User-Data-Already-Available", integer32, kM},
      {625, kTgpp, "Confidentiality-Key", octets, kM},
      {626, kTgpp, "Integrity-Key", octets, kM},
      {627, kTgpp, "User-Data-Request-Type", integer32, kM},
      {628, kTgpp, "Supported-Features", grouped, kNoM},
      {629, kTgpp, "Feature-List-ID", unsigned32, kNoM},
      {630, kTgpp, "Feature-List", unsigned32, kNoM},
      {631, kTgpp, "Supported-Applications", grouped, kNoM},
      {632, kTgpp, "Associated-Identities", grouped, kNoM},
      {633, kTgpp, "Originating-Request", integer32, kM},
      {634, kTgpp, "Wildcarded-Public-Identity", utf8, kNoM},
      {635, kTgpp, "SIP-Digest-Authenticate", grouped, kNoM},
      {636, kTgpp, "Wildcarded-IMPU", utf8, kNoM},
      {637, kTgpp, "UAR-Flags", unsigned32, kNoM},
      {638, kTgpp, "Loose-Route-Indication", integer32, kNoM},
      {639, kTgpp, "SCSCF-Restoration-Info", grouped, kNoM},
      {640, kTgpp, "Path", octets, kNoM},
      {641, kTgpp, "Contact", octets, kNoM},
      {642, kTgpp, "Subscription-Info", grouped, kNoM},
      {643, kTgpp, "Call-ID-SIP-Header", octets, kNoM},
      {644, kTgpp, "From-SIP-Header", octets, kNoM},
      {645, kTgpp, "To-SIP-Header", octets, kNoM},
      {646, kTgpp, "Record-Route", octets, kNoM},
      {647, kTgpp, "Associated-Registered-Identities", grouped, kNoM},
      {648, kTgpp, "Multiple-Registration-Indication", integer32, kNoM},
      {649, kTgpp, "Restoration-Info", grouped, kNoM},
      {650, kTgpp, "Session-Priority", integer32, kNoM},
      {651, kTgpp, "Identity-with-Emergency-Registration", grouped, kNoM},
      {652, kTgpp, "Priviledged-Sender-Indication", integer32, kNoM},
      {653, kTgpp, "LIA-Flags", unsigned32, kNoM},
      {654, kTgpp, "Initial-CSeq-Sequence-Number", unsigned32, kNoM},
      {655, kTgpp, "SAR-Flags", unsigned32, kNoM},
      {656, kTgpp, "Allowed-WAF-WWSF-Identities", grouped, kNoM},
      {657, kTgpp, "WebRTC-Authentication-Function-Name", utf8, kNoM},
      {658, kTgpp, "WebRTC-Web-Server-Function-Name", utf8, kNoM},
      {659, kTgpp, "RTR-Flags", unsigned32, kNoM},
      {660, kTgpp, "P-CSCF-Subscription-Info", grouped, kNoM},
      {661, kTgpp, "Registration-Time-Out", time, kNoM},
      {662, kTgpp, "Alternate-Digest-Algorithm", utf8, kNoM},
      {663, kTgpp, "Alternate-Digest-HA1", utf8, kNoM},
      {664, kTgpp, "Failed-PCSCF", grouped, kNoM},
      {665, kTgpp, "PCSCF-FQDN", identity, kNoM},
      {666, kTgpp, "PCSCF-IP-Address", address, kNoM},
      // TS 29.329 6.3
      {700, kTgpp, "User-Identity", grouped, kM},
      {701, kTgpp, "MSISDN", octets, kM},
      {702, kTgpp, "Sh-User-Data", octets, kM},
      {703, kTgpp, "Data-Reference", integer32, kM},
      {704, kTgpp, "Service-Indication", octets, kM},
      {705, kTgpp, "Subs-Req-Type", integer32, kM},
      {706, kTgpp, "Requested-Domain", integer32, kM},
      {707, kTgpp, "Current-Location", integer32, kM},
      {708, kTgpp, "Identity-Set", integer32, kNoM},
      {709, kTgpp, "Expiry-Time", time, kNoM},
      {710, kTgpp, "Send-Data-Indication", integer32, kNoM},
      {711, kTgpp, "DSAI-Tag", octets, kM},
      {712, kTgpp, "One-Time-Notification", integer32, kNoM},
      {713, kTgpp, "Requested-Nodes", unsigned32, kNoM},
      {714, kTgpp, "Serving-Node-Indication", integer32, kNoM},
      {715, kTgpp, "Repository-Data-ID", grouped, kNoM},
      {716, kTgpp, "Sequence-Number", unsigned32, kNoM},
      {717, kTgpp, "Pre-paging-Supported", integer32, kNoM},
      {718, kTgpp, "Local-Time-Zone-Indication", integer32, kNoM},
      {719, kTgpp, "UDR-Flags", unsigned32, kNoM},
      {720, kTgpp, "Call-Reference-Info", grouped, kNoM},
      {721, kTgpp, "Call-Reference-Number", octets, kNoM},
      {722, kTgpp, "AS-Number", octets, kNoM},
      // TS 29.336
      {3111, kTgpp, "External-Identifier", utf8, kM},
  };
  return table;
}

const std::vector<CommandRow>& command_table() {
  // What Kamailio's cdp really sends is less than the ABNF asks, so only what a handler cannot do without is required (CX-10).
  static const std::vector<CommandRow> table = {
      {300, kApplicationCx, "User-Authorization-Request", "User-Authorization-Answer", {}},
      {301, kApplicationCx, "Server-Assignment-Request", "Server-Assignment-Answer", {614}},
      {302, kApplicationCx, "Location-Info-Request", "Location-Info-Answer", {601}},
      {303, kApplicationCx, "Multimedia-Auth-Request", "Multimedia-Auth-Answer", {601, 612}},
      {304, kApplicationCx, "Registration-Termination-Request", "Registration-Termination-Answer", {615}},
      {305, kApplicationCx, "Push-Profile-Request", "Push-Profile-Answer", {}},
      {306, kApplicationSh, "User-Data-Request", "User-Data-Answer", {700, 703}},
      {307, kApplicationSh, "Profile-Update-Request", "Profile-Update-Answer", {700, 703, 702}},
      {308, kApplicationSh, "Subscribe-Notifications-Request", "Subscribe-Notifications-Answer", {700, 705, 703}},
      {309, kApplicationSh, "Push-Notification-Request", "Push-Notification-Answer", {700, 702}},
  };
  return table;
}

}  // namespace herald::diameter
