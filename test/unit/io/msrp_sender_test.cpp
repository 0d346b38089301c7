// What a sender does with peers that answer late, wrong or not at all.
#include <algorithm>
#include <netinet/in.h>
#include <sys/socket.h>

#include "io/msrp_parser.h"
#include "msrp_rig.h"

using namespace herald;
using namespace herald::test;

namespace {

// Listens where an active session connects to.
class RawListener {
 public:
  explicit RawListener(MsrpRig& rig) : rig_(rig), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = static_cast<sockaddr*>(static_cast<void*>(&own));
    socklen_t length = sizeof own;
    REQUIRE(::bind(fd_, address, length) == 0);
    REQUIRE(::listen(fd_, 4) == 0);
    ::getsockname(fd_, address, &length);
    port_ = ntohs(own.sin_port);
  }
  ~RawListener() { ::close(fd_); }
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;
  [[nodiscard]] std::string path() const { return "msrp://127.0.0.1:" + std::to_string(port_) + "/peer;tcp"; }
  std::unique_ptr<RawPeer> accept() {
    int accepted = -1;
    REQUIRE(rig_.until([&] { return (accepted = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0; }));
    return std::make_unique<RawPeer>(rig_, accepted);
  }

 private:
  MsrpRig& rig_;
  int fd_;
  std::uint16_t port_ = 0;
};

struct Chunk {
  io::MsrpHead head;
  std::string content;
  char flag = 0;
};

// An active session, and the test as its peer.
struct Sending {
  explicit Sending(MsrpRig& on, bool answer_bind = true) : rig(on), listener(on), session(on.open()) {
    MsrpDescription to;
    to.path = listener.path();
    session->on_closed([this](Error error) { lost = error.text; });
    started = watch(rig.shard, session->start(std::move(to), MsrpSetup::active));
    peer = listener.accept();
    if (!answer_bind) return;
    const auto bind = next();
    CHECK(bind.head.method == "SEND");
    CHECK(bind.head.content_type.empty());
    answer(bind, "200 OK");
    REQUIRE(rig.until([&] { return started->has_value(); }));
    REQUIRE((*started)->has_value());
  }
  std::shared_ptr<std::optional<Expected<MsrpSent>>> send(std::string bytes, bool report = false, std::string id = "mess1",
                                                          Duration wait = std::chrono::seconds(60)) {
    MsrpMessage message;
    message.message_id = std::move(id);
    message.type = "text/plain";
    message.bytes = std::move(bytes);
    message.success_report = report;
    return send(std::move(message), wait);
  }
  std::shared_ptr<std::optional<Expected<MsrpSent>>> send(MsrpMessage message, Duration wait = std::chrono::seconds(60)) {
    auto sent = watch(rig.shard, session->send(std::move(message), std::chrono::duration_cast<std::chrono::milliseconds>(wait)));
    rig.turn();
    return sent;
  }
  // The next whole request or response; fails the test when none comes.
  Chunk next() {
    Chunk out;
    bool whole = false;
    rig.until([&] {
      auto& heard = peer->heard();
      std::string_view input = std::string_view(heard).substr(taken_);
      const auto before = input.size();
      for (auto step = parser_.next(input); step != io::MsrpParser::Step::need_more; step = parser_.next(input)) {
        REQUIRE(step != io::MsrpParser::Step::error);
        if (step == io::MsrpParser::Step::head) current_ = {parser_.head(), {}, 0};
        if (step == io::MsrpParser::Step::body) current_.content += parser_.piece();
        if (step != io::MsrpParser::Step::end) continue;
        current_.flag = parser_.flag();
        whole = true;
        break;
      }
      taken_ += before - input.size();
      return whole;
    });
    if (!whole)
      FAIL("nothing came after " << taken_ << " of " << peer->heard().size() << " bytes, last: "
                                 << peer->heard().substr(peer->heard().size() > 900 ? peer->heard().size() - 900 : 0));
    return std::exchange(current_, {});
  }
  bool nothing_more() {
    rig.turn();
    return peer->heard().size() == taken_;
  }
  void answer(const Chunk& chunk, const std::string& status) {
    peer->say("MSRP " + chunk.head.transaction + " " + status + "\r\nTo-Path: " + session->local().path +
              "\r\nFrom-Path: " + listener.path() + "\r\n-------" + chunk.head.transaction + "$\r\n");
    rig.turn();
  }
  void report(const std::string& range, const std::string& status, const std::string& id = "mess1") {
    peer->say("MSRP repo1 REPORT\r\nTo-Path: " + session->local().path + "\r\nFrom-Path: " + listener.path() +
              "\r\nMessage-ID: " + id + "\r\nByte-Range: " + range + "\r\nStatus: 000 " + status + "\r\n-------repo1$\r\n");
    rig.turn();
  }
  MsrpSent result(const std::shared_ptr<std::optional<Expected<MsrpSent>>>& sent) {
    REQUIRE(rig.until([&] { return sent->has_value(); }));
    if (!**sent) FAIL((*sent)->error().text);
    return ***sent;
  }

  MsrpRig& rig;
  RawListener listener;
  std::shared_ptr<MsrpSession> session;
  std::shared_ptr<std::optional<Expected<void>>> started;
  std::unique_ptr<RawPeer> peer;
  std::string lost;

 private:
  io::MsrpParser parser_;
  std::size_t taken_ = 0;
  Chunk current_;
};

}  // namespace

TEST_CASE("PS-44: an active session whose first request is refused or not answered has no connection") {
  MsrpRig rig;
  {
    Sending one(rig, false);
    one.answer(one.next(), "481 No such session");
    REQUIRE(rig.until([&] { return one.started->has_value(); }));
    REQUIRE_FALSE((*one.started)->has_value());
    CHECK((*one.started)->error().text.find("481") != std::string::npos);
    CHECK(one.peer->sees_end());
  }
  {
    Sending two(rig, false);
    (void)two.next();
    const auto waiting = two.send("hello");
    rig.advance(std::chrono::seconds(29));
    CHECK_FALSE(two.started->has_value());
    rig.advance(std::chrono::seconds(2));
    REQUIRE(rig.until([&] { return two.started->has_value() && waiting->has_value(); }));
    CHECK((*two.started)->error().code == ErrorCode::timeout);
    CHECK_FALSE((*waiting)->has_value());
  }
}

TEST_CASE("PS-41: a peer that is not there, or not an MSRP URI, is an error at once") {
  MsrpRig rig;
  std::string nobody;
  {
    RawListener gone(rig);
    nobody = gone.path();
  }
  for (const auto& [path, code] : {std::pair<std::string, ErrorCode>{nobody, ErrorCode::unavailable},
                                   {"msrps://127.0.0.1:1/x;tcp", ErrorCode::invalid},
                                   {"nonsense", ErrorCode::invalid}}) {
    const auto session = rig.open();
    MsrpDescription peer;
    peer.path = path;
    const auto started = watch(rig.shard, session->start(peer, MsrpSetup::active));
    REQUIRE(rig.until([&] { return started->has_value(); }));
    REQUIRE_FALSE((*started)->has_value());
    CHECK((*started)->error().code == code);
  }
  const auto session = rig.open();
  const auto started = watch(rig.shard, session->start({}, MsrpSetup::actpass));
  CHECK((*started)->error().code == ErrorCode::invalid);
}

TEST_CASE("PS-45: up to 2048 bytes a chunk foretells its end, above it can be interrupted") {
  MsrpRig rig;
  Sending one(rig);
  const auto small = one.send(std::string(2048, 'x'));
  auto chunk = one.next();
  CHECK(chunk.head.byte_range == "1-2048/2048");
  CHECK(chunk.head.content_type == "text/plain");
  CHECK(chunk.head.to_path == one.listener.path());
  CHECK(chunk.head.from_path == one.session->local().path);
  CHECK(chunk.flag == '$');
  one.answer(chunk, "200 OK");
  CHECK(one.result(small).acknowledged == 2048);
  const auto large = one.send(std::string(2049, 'x'), false, "mess2");
  chunk = one.next();
  CHECK(chunk.head.byte_range == "1-*/2049");
  CHECK(chunk.head.message_id == "mess2");
  CHECK(chunk.flag == '$');
  CHECK(chunk.content.size() == 2049);
  one.answer(chunk, "200 OK");
  CHECK(one.result(large).acknowledged == 2049);
  const auto empty = one.send("", false, "mess3");
  chunk = one.next();
  CHECK(chunk.head.byte_range == "1-0/0");
  CHECK(chunk.content.empty());
  one.answer(chunk, "200 OK");
  CHECK(one.result(empty).status == 200);
}

TEST_CASE("PS-45: a response interrupts a chunk, which goes on with + under another transaction") {
  MsrpRig rig;
  Sending one(rig);
  const std::string content(30 << 20, 'z');  // more than the sockets hold
  const auto sent = one.send(content);
  rig.turn();
  one.peer->say("MSRP askk SEND\r\nTo-Path: " + one.session->local().path + "\r\nFrom-Path: " + one.listener.path() +
                "\r\nMessage-ID: ask1\r\n-------askk$\r\n");
  std::uint64_t got = 0;
  bool answered = false;
  std::uint64_t answered_at = 0;
  for (;;) {
    auto chunk = one.next();
    if (chunk.head.response()) {
      CHECK(chunk.head.transaction == "askk");
      CHECK(chunk.head.status == 200);
      answered = true;
      answered_at = got;
      continue;
    }
    CHECK(chunk.head.byte_range == std::to_string(got + 1) + "-*/" + std::to_string(content.size()));
    got += chunk.content.size();
    one.answer(chunk, "200 OK");
    if (chunk.flag == '$') break;
    CHECK(chunk.flag == '+');
  }
  CHECK(answered);
  CHECK(answered_at < content.size());
  CHECK(got == content.size());
  CHECK(one.result(sent).acknowledged == content.size());
}

TEST_CASE("PS-45: abort_sending() ends the message with #, and the next one follows") {
  MsrpRig rig;
  Sending one(rig);
  const auto sent = one.send(std::string(30 << 20, 'z'));
  const auto second = one.send("second", false, "mess2");
  rig.shard.run([&] { one.session->abort_sending(); });
  const auto result = one.result(sent);
  CHECK(result.interrupted);
  CHECK(result.acknowledged < (30 << 20));
  Chunk chunk = one.next();
  while (chunk.flag == '+') chunk = one.next();
  CHECK(chunk.flag == '#');
  CHECK(chunk.head.message_id == "mess1");
  chunk = one.next();
  CHECK(chunk.head.message_id == "mess2");
  CHECK(chunk.content == "second");
  one.answer(chunk, "200 OK");
  CHECK(one.result(second).status == 200);
}

TEST_CASE("PS-47: 413 in the middle stops the message with #; the result is 413") {
  auto options = msrp_on_loopback();
  options.limits.chunk = 4096;
  MsrpRig rig(options);
  Sending one(rig);
  const auto sent = one.send(std::string(30 << 20, 'z'));
  auto chunk = one.next();
  CHECK(chunk.flag == '+');
  CHECK(chunk.content.size() == 4096);
  one.answer(chunk, "413 enough");
  const auto result = one.result(sent);
  CHECK(result.status == 413);
  CHECK(result.comment == "enough");
  CHECK(result.interrupted);
  CHECK(result.acknowledged == 0);
  // What was on its way comes; then no more of it.
  std::size_t got = chunk.content.size();
  const auto next = one.send("after", false, "mess2");
  for (chunk = one.next(); chunk.head.message_id == "mess1"; chunk = one.next()) got += chunk.content.size();
  CHECK(got < (30 << 20));
  CHECK(chunk.content == "after");
  one.answer(chunk, "200 OK");
  CHECK(one.result(next).status == 200);
}

TEST_CASE("PS-47: an answer that overtakes the chunk it is about ends it: # after a refusal, + after a 200") {
  auto options = msrp_on_loopback();
  options.limits.chunk = 64 << 20;
  MsrpRig rig(options);
  Sending one(rig);
  const auto answer_early = [&](const std::string& id, const std::string& status) {
    REQUIRE(one.peer->hears("Message-ID: " + id));
    const auto head = one.peer->heard().rfind(" SEND\r\n");
    const auto start = one.peer->heard().rfind("MSRP ", head) + 5;
    Chunk about;
    about.head.transaction = one.peer->heard().substr(start, head - start);
    one.answer(about, status);
  };
  const auto refused = one.send(std::string(30 << 20, 'z'));
  answer_early("mess1", "413 enough");
  const auto result = one.result(refused);
  CHECK(result.status == 413);
  CHECK(result.interrupted);
  auto chunk = one.next();
  CHECK(chunk.flag == '#');
  CHECK(chunk.content.size() < (30 << 20));

  const auto taken = one.send(std::string(30 << 20, 'z'), false, "mess2");
  answer_early("mess2", "200 OK");
  chunk = one.next();
  CHECK(chunk.flag == '+');
  CHECK(chunk.content.size() < (30 << 20));
  const auto rest = one.next();
  CHECK(rest.flag == '$');
  CHECK(chunk.content.size() + rest.content.size() == (30 << 20));
  one.answer(rest, "200 OK");
  CHECK(one.result(taken).acknowledged == (30 << 20));
}

TEST_CASE("PS-46: no response for 30 s is a timeout; the connection stays for what comes next") {
  MsrpRig rig;
  Sending one(rig);
  const auto sent = one.send("hello");
  const auto chunk = one.next();
  rig.advance(std::chrono::seconds(29));
  CHECK_FALSE(sent->has_value());
  rig.advance(std::chrono::seconds(2));
  REQUIRE(rig.until([&] { return sent->has_value(); }));
  REQUIRE_FALSE((*sent)->has_value());
  CHECK((*sent)->error().code == ErrorCode::timeout);
  one.answer(chunk, "200 too late");
  const auto next = one.send("again", false, "mess2");
  one.answer(one.next(), "200 OK");
  CHECK(one.result(next).status == 200);
}

TEST_CASE("SM-16: delivered needs every range by 200 and, if asked for, by REPORTs in any order") {
  auto options = msrp_on_loopback();
  options.limits.chunk = 4096;
  MsrpRig rig(options);
  Sending one(rig);
  const auto sent = one.send(std::string(10'000, 'x'), true);
  std::vector<Chunk> chunks;
  do {
    chunks.push_back(one.next());
    CHECK(chunks.back().head.success_report == "yes");
  } while (chunks.back().flag != '$');
  CHECK(chunks.size() == 3);
  one.report("8193-10000/10000", "200 OK");
  for (auto at = chunks.rbegin(); at != chunks.rend(); ++at) one.answer(*at, "200 OK");
  one.report("1-5000/10000", "200 OK");
  CHECK_FALSE(sent->has_value());
  one.report("4000-8192/10000", "200 OK");
  const auto result = one.result(sent);
  CHECK(result.acknowledged == 10'000);
  CHECK(result.reported == 10'000);
  CHECK(result.status == 200);
}

TEST_CASE("PS-55: a failure REPORT ends the send with its status") {
  MsrpRig rig;
  Sending one(rig);
  const auto sent = one.send("hello", true);
  one.answer(one.next(), "200 OK");
  one.report("1-5/5", "403 hash does not fit");
  const auto result = one.result(sent);
  CHECK(result.status == 403);
  CHECK(result.comment == "hash does not fit");
  CHECK(result.acknowledged == 5);
}

TEST_CASE("SM-17: without the REPORT the send ends report_wait after the last 200") {
  MsrpRig rig;
  Sending one(rig);
  const auto sent = one.send("hello", true, "mess1", std::chrono::seconds(60));
  rig.advance(std::chrono::seconds(20));
  one.answer(one.next(), "200 OK");
  const auto next = one.send("next", false, "mess2");  // does not wait for the other's report
  one.answer(one.next(), "200 OK");
  CHECK(one.result(next).status == 200);
  rig.advance(std::chrono::seconds(59));
  CHECK_FALSE(sent->has_value());
  rig.advance(std::chrono::seconds(2));
  const auto result = one.result(sent);
  CHECK(result.status == 200);
  CHECK(result.acknowledged == 5);
  CHECK(result.reported == 0);
}

TEST_CASE("a REPORT about more than was sent proves no more than that") {
  MsrpRig rig;
  Sending one(rig);
  const auto sent = one.send("hello", true);
  one.answer(one.next(), "200 OK");
  one.report("1-4/5", "200 OK");
  one.report("9-1000000/1000000", "200 OK");
  CHECK_FALSE(sent->has_value());
  one.report("5-900/900", "200 OK");
  CHECK(one.result(sent).reported == 5);
}

TEST_CASE("a lost connection interrupts what was begun, and refuses what was not") {
  MsrpRig rig;
  Sending one(rig);
  const auto begun = one.send(std::string(30 << 20, 'z'));
  const auto waiting = one.send("second", false, "mess2");
  one.peer->end();
  const auto result = one.result(begun);
  CHECK(result.interrupted);
  REQUIRE(rig.until([&] { return waiting->has_value(); }));
  REQUIRE_FALSE((*waiting)->has_value());
  CHECK((*waiting)->error().code == ErrorCode::unavailable);
  CHECK(rig.until([&] { return !one.lost.empty(); }));
  const auto later = one.send("third", false, "mess3");
  REQUIRE(rig.until([&] { return later->has_value(); }));
  CHECK((*later)->error().code == ErrorCode::unavailable);
}

TEST_CASE("PS-48: close() ends what is sent with #, and every future") {
  MsrpRig rig;
  Sending one(rig);
  const auto sent = one.send(std::string(30 << 20, 'z'));
  rig.shard.run([&] { one.session->close(); });
  REQUIRE(rig.until([&] { return sent->has_value(); }));
  CHECK((*sent)->error().code == ErrorCode::gone);
  Chunk chunk = one.next();
  while (chunk.flag == '+') chunk = one.next();
  CHECK(chunk.flag == '#');
  CHECK(one.peer->sees_end());
  CHECK(one.lost.empty());
}

TEST_CASE("a peer that reads nothing for 30 s is dropped") {
  MsrpRig rig;
  Sending one(rig);
  const auto sent = one.send(std::string(30 << 20, 'z'));
  rig.advance(std::chrono::seconds(31));
  CHECK(rig.until([&] { return !one.lost.empty(); }));
  CHECK(one.result(sent).interrupted);
}

TEST_CASE("RFC 4975 7.1: the end-line never occurs in what is sent") {
  MsrpRig rig;
  Sending one(rig);
  // Transaction ids that the content knows before they are drawn.
  int drawn = 0;
  rig.endpoint->hub().make_transaction = [&drawn] { return "tid" + std::to_string(1000 + drawn++); };
  std::string content;
  for (int i = 0; i < 40; ++i) content += "text text\r\n-------tid" + std::to_string(1000 + i) + "$\r\nMSRP evil SEND\r\n";
  content += std::string(3000, 'x');
  const auto sent = one.send(content);
  std::string got;
  for (;;) {
    const auto chunk = one.next();
    CHECK(chunk.content.find("-------" + chunk.head.transaction) == std::string::npos);
    got += chunk.content;
    one.answer(chunk, "200 OK");
    if (chunk.flag == '$') break;
  }
  CHECK(got == content);
  CHECK(one.result(sent).acknowledged == content.size());
  // A small one foretells its end: there another id is drawn instead.
  drawn = 0;
  const auto small = one.send("-------tid1000$ -------tid1001$", false, "mess2");
  const auto chunk = one.next();
  CHECK(chunk.head.transaction == "tid1002");
  CHECK(chunk.flag == '$');
  one.answer(chunk, "200 OK");
  CHECK(one.result(small).status == 200);
}

TEST_CASE("headers and types that would break the line are refused") {
  MsrpRig rig;
  Sending one(rig);
  for (const auto& [name, value] :
       {std::pair<std::string, std::string>{"Content-ID", "a\r\nTo-Path: b"}, {"To-Path", "x"}, {"a b", "x"}, {"", "x"}}) {
    MsrpMessage message;
    message.type = "a/b";
    message.headers = {{name, value}};
    const auto sent = one.send(std::move(message));
    REQUIRE(rig.until([&] { return sent->has_value(); }));
    CHECK((*sent)->error().code == ErrorCode::invalid);
  }
  MsrpMessage typeless;
  typeless.bytes = "x";
  const auto sent = one.send(std::move(typeless));
  CHECK((*sent)->error().code == ErrorCode::invalid);
  CHECK(one.nothing_more());
}

TEST_CASE("too many messages of one session are refused, not queued without bound") {
  MsrpRig rig;
  Sending one(rig);
  std::vector<std::shared_ptr<std::optional<Expected<MsrpSent>>>> all;
  for (int i = 0; i < 70; ++i) all.push_back(one.send("x", false, "mess" + std::to_string(i)));
  REQUIRE(all.back()->has_value());
  CHECK((*all.back())->error().code == ErrorCode::busy);
  CHECK_FALSE(all.front()->has_value());
}

// ---- blobs

TEST_CASE("a blob is read ahead a few pieces, not as a whole, and a slow disk holds nobody else up") {
  MsrpRig rig;
  MsrpPair pair(rig);
  rig.blobs.slow = true;
  std::string content(20 << 20, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 2654435761U >> 24U);
  MsrpMessage message;
  message.type = "application/octet-stream";
  message.blob = rig.blobs.info(rig.blobs.add(content));
  const auto sent = watch(rig.shard, pair.sender->send(std::move(message), std::chrono::seconds(60)));
  std::size_t turns = 0;
  REQUIRE(rig.until([&] {
    CHECK(rig.blobs.pending() < 200);
    if (++turns % 3 == 0) rig.blobs.drain();
    return sent->has_value();
  }));
  REQUIRE((*sent)->has_value());
  CHECK((*sent)->value().acknowledged == content.size());
  REQUIRE(pair.received.size() == 1);
  CHECK(rig.blobs.contents.at(pair.received[0].blob->id) == content);
}

TEST_CASE("a blob that cannot be read ends the message with # and the send with the error") {
  MsrpRig rig;
  Sending one(rig);
  MsrpMessage message;
  message.message_id = "mess1";
  message.type = "a/b";
  message.blob = BlobInfo{"none", 5000, "", ""};
  const auto sent = one.send(std::move(message));
  REQUIRE(rig.until([&] { return sent->has_value(); }));
  CHECK((*sent)->error().code == ErrorCode::not_found);
  MsrpMessage shorter;
  shorter.message_id = "mess2";
  shorter.type = "a/b";
  shorter.blob = rig.blobs.info(rig.blobs.add("short"));
  shorter.blob->size = 3 << 20;
  const auto second = one.send(std::move(shorter));
  REQUIRE(rig.until([&] { return second->has_value(); }));
  CHECK((*second)->error().code == ErrorCode::corrupt);
  const auto next = one.send("next", false, "mess3");
  auto chunk = one.next();
  while (chunk.head.message_id != "mess3") chunk = one.next();
  one.answer(chunk, "200 OK");
  CHECK(one.result(next).status == 200);
}

TEST_CASE("a peer that is faster than the disk waits; the last 200 comes when the bytes are safe") {
  auto options = msrp_on_loopback();
  options.limits.blob_high = 100'000;
  MsrpRig rig(options);
  MsrpPair pair(rig);
  rig.blobs.slow = true;
  const auto sent = watch(rig.shard, pair.sender->send(
                                         [] {
                                           MsrpMessage message;
                                           message.type = "a/b";
                                           message.bytes = std::string(10 << 20, 'q');
                                           return message;
                                         }(),
                                         std::chrono::seconds(60)));
  rig.turn();
  CHECK_FALSE(sent->has_value());
  rig.advance(std::chrono::seconds(20));  // our disk: nobody is dropped for it
  CHECK_FALSE(sent->has_value());
  REQUIRE(rig.until([&] {
    rig.blobs.drain();
    return sent->has_value();
  }));
  REQUIRE((*sent)->has_value());
  CHECK((*sent)->value().acknowledged == 10 << 20);
  REQUIRE(pair.received.size() == 1);
}

TEST_CASE("a full disk is 413 to the peer and leaves nothing behind") {
  MsrpRig rig;
  MsrpPair pair(rig);
  MsrpMessage message;
  message.type = "a/b";
  message.bytes = std::string(200'000, 'q');
  rig.blobs.full = true;
  CHECK(pair.send(message)->status == 413);
  rig.blobs.full = false;
  rig.blobs.broken = true;  // only finishing fails: the last 200 was not sent yet
  CHECK(pair.send(message)->status == 413);
  rig.blobs.broken = false;
  CHECK(rig.blobs.contents.empty());
  CHECK(rig.blobs.writers() == 0);
  CHECK(pair.send(message)->status == 200);
  CHECK(pair.received.size() == 1);
}

TEST_CASE("a blob that is complete when its session has gone is removed") {
  MsrpRig rig;
  MsrpPair pair(rig);
  rig.blobs.slow = true;
  MsrpMessage message;
  message.type = "a/b";
  message.bytes = std::string(200'000, 'q');
  const auto sent = watch(rig.shard, pair.sender->send(std::move(message), std::chrono::seconds(60)));
  REQUIRE(rig.until([&] { return rig.blobs.pending() >= 3; }));
  rig.turn();
  rig.shard.run([&] { pair.receiver->close(); });
  rig.turn();
  rig.blobs.drain();
  rig.turn();
  CHECK(rig.blobs.contents.empty());
  CHECK(pair.received.empty());
}
