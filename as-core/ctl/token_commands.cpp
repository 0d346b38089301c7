// hash-token
#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "ctl/session.h"

namespace herald::ctl {
namespace {

constexpr std::size_t kMaxToken = 4096;
constexpr std::size_t kTokenBytes = 24;  // 192 random bits: nothing that a guess, however fast, could find

template <class Bytes>
std::string hex(const Bytes& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

std::string hashed(const std::string& token) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> sum{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), sum.data());
  return "sha256:" + hex(sum);
}

void print(Session& session, const std::string& token, bool with_token) {
  const auto hash = hashed(token);
  if (session.json) {
    Json document{{"token_hash", hash}};
    if (with_token) document["token"] = token;
    session.out() << document.dump() << '\n';
    return;
  }
  if (with_token) session.out() << "token:      " << token << '\n' << "token_hash: ";
  session.out() << hash << '\n';
}

void generate(Session& session) {
  std::array<unsigned char, kTokenBytes> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    return session.fail(kUnreachable, "no random numbers");
  }
  print(session, hex(random), true);
}

// Not an argument: everybody on the machine sees those.
void hash(Session& session, const std::string& path) {
  std::string token;
  if (path == "-") {
    std::getline(std::cin, token);
  } else {
    auto text = read_file(path, kMaxToken);
    if (!text) return session.fail(kUnreachable, text.error().text);
    token = text->substr(0, text->find('\n'));
  }
  if (token.ends_with('\r')) token.pop_back();
  if (token.size() < 8) return session.fail(kUnreachable, "a token has at least 8 characters");
  print(session, token, false);
}

}  // namespace

void add_token_commands(CLI::App& app, Session& session) {
  auto path = std::make_shared<std::string>("-");
  auto fresh = std::make_shared<bool>(false);
  auto* command = session.command(app, "hash-token", "token_hash of an initiator's token, for herald.yaml",
                                  [&session, path, fresh] { *fresh ? generate(session) : hash(session, *path); });
  command->add_flag("--generate", *fresh, "Make a new token, too");
  command->add_option("FILE", *path, "Its first line is the token; -: standard input")->capture_default_str();
}

}  // namespace herald::ctl
