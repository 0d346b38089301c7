#include "store/blob_trailer.h"

#include <algorithm>
#include <charconv>

namespace herald::store {
namespace {

constexpr std::string_view kMagic = "HERALD-BLOB-1 ";
constexpr std::size_t kSizeDigits = 20;
constexpr std::size_t kSha1Digits = 40;
constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kIdDigits = 26;

bool is_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string encode_blob_trailer(const BlobInfo& info) {
  const auto size = std::to_string(info.size);
  std::string out(kMagic);
  out.append(kSizeDigits - size.size(), '0').append(size);
  return out.append(" ").append(info.sha1).append(" ").append(info.sha256).append("\n");
}

std::optional<BlobInfo> decode_blob_trailer(std::string_view text, std::string_view id, std::uint64_t file_bytes) {
  if (text.size() != kBlobTrailerBytes || !text.starts_with(kMagic) || text.back() != '\n') return std::nullopt;
  text.remove_prefix(kMagic.size());
  const auto digits = text.substr(0, kSizeDigits);
  const auto sha1 = text.substr(kSizeDigits + 1, kSha1Digits);
  const auto sha256 = text.substr(kSizeDigits + 1 + kSha1Digits + 1, kSha256Digits);
  if (text[kSizeDigits] != ' ' || text[kSizeDigits + 1 + kSha1Digits] != ' ' || !is_hex(sha1) || !is_hex(sha256))
    return std::nullopt;
  BlobInfo info{std::string(id), 0, std::string(sha1), std::string(sha256)};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), info.size);
  if (error != std::errc{} || end != digits.data() + digits.size() || file_bytes < kBlobTrailerBytes ||
      info.size != file_bytes - kBlobTrailerBytes)
    return std::nullopt;
  return info;
}

bool is_blob_id(std::string_view id) noexcept {
  return id.size() == kIdDigits &&
         std::all_of(id.begin(), id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

}  // namespace herald::store
