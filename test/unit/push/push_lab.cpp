#include "push_lab.h"

#include <doctest/doctest.h>

#include "config/yaml_loader.h"
#include "push/push_module.h"

namespace herald::test {
namespace {

constexpr std::string_view kConfig = R"(
sender_identity: sip:push@ims.lab
initiators:
  - {name: news, token: news-token, identities: [sip:push-news@ims.lab, sip:push-sport@ims.lab], rate: 1000/s,
     callback_secret: news-callback-secret, callbacks: CALLBACKS}
  - {name: mail, token: mail-token, identities: [sip:push-mail@ims.lab], applications: [mms.ua, "mail.*"], rate: 2/s}
)";

store::MemoryOptions on(const Clock& clock) {
  store::MemoryOptions options;
  options.clock = &clock;
  return options;
}

Task<void> start_container(container::Container& container, std::optional<Error>& error) {
  auto starting = container.start();
  const auto started = co_await std::move(starting);
  if (!started) error = started.error();
}

Task<void> fetch(HttpHandler handler, HttpRequest request, std::optional<HttpResponse>& response) {
  auto task = handler(std::move(request));
  response = co_await std::move(task);
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "/v1/pushes/ID?limit=2" -> pattern, parameters.
std::string route(HttpRequest& request, const std::string& method, std::string path) {
  if (const auto mark = path.find('?'); mark != std::string::npos) {
    std::string_view rest = std::string_view(path).substr(mark + 1);
    while (!rest.empty()) {
      const auto pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      const auto equals = pair.find('=');
      request.query[std::string(pair.substr(0, equals))] =
          equals == std::string_view::npos ? "" : unescaped(pair.substr(equals + 1));
    }
    path.resize(mark);
  }
  request.path = path;
  constexpr std::string_view kPushes = "/v1/pushes/";
  if (path.starts_with(kPushes)) {
    auto id = path.substr(kPushes.size());
    const auto rest = id.find('/');  // "/events"
    path = std::string(kPushes) + "{id}" + (rest == std::string::npos ? "" : id.substr(rest));
    request.path_parameters["id"] = id.substr(0, rest);
  }
  constexpr std::string_view kContents = "/v1/contents/";
  if (path.starts_with(kContents)) {
    request.path_parameters["id"] = path.substr(kContents.size());
    path = std::string(kContents) + "{id}";
  }
  constexpr std::string_view kInvitations = "/v1/invitations/";
  if (path.starts_with(kInvitations)) {
    request.path_parameters["id"] = path.substr(kInvitations.size());
    path = std::string(kInvitations) + "{id}";
  }
  constexpr std::string_view kConsent = "/v1/consent/";
  if (path.starts_with(kConsent)) {
    const auto slash = path.rfind('/');
    request.path_parameters["user"] = unescaped(path.substr(kConsent.size(), slash - kConsent.size()));
    request.path_parameters["app"] = unescaped(path.substr(slash + 1));
    path = std::string(kConsent) + "{user}/{app}";
  }
  for (const std::string_view users : {"/v1/capabilities/", "/v1/registrations/"}) {
    if (!path.starts_with(users)) continue;
    request.path_parameters["user"] = unescaped(path.substr(users.size()));
    path = std::string(users) + "{user}";
  }
  constexpr std::string_view kContent = "/content/";
  if (path.starts_with(kContent)) {
    request.path_parameters["token"] = path.substr(kContent.size());
    path = std::string(kContent) + "{token}";
  }
  return method + " " + path;
}

}  // namespace

Future<ShReply> ScriptedSh::user_data(ShQuery query, Deadline deadline) {
  queries.push_back(query);
  if (silent) {
    auto promise = std::make_shared<Promise<ShReply>>();
    auto future = promise->future();
    Executor::current()->timers().start_at(deadline.when(), [promise] { promise->set(failed(ShResult::timeout)); });
    return future;
  }
  if (rule) return ready<ShReply>(rule(query));
  ShReply reply;
  reply.result = ShResult::no_data;
  if (query.data == ShDataRef::user_state) {
    reply.result = ShResult::ok;
    ShUserData data;
    data.state = ImsUserState::not_registered;
    reply.data = std::make_shared<const ShUserData>(std::move(data));
  }
  return ready<ShReply>(std::move(reply));
}

ShReply ScriptedSh::profile(std::string xml) {
  ShReply reply;
  reply.result = ShResult::ok;
  ShUserData data;
  data.state = ImsUserState::not_registered;
  ShRepositoryData repository;
  repository.service_indication = "push-profile";
  repository.service_data = std::move(xml);
  data.repository = std::move(repository);
  reply.data = std::make_shared<const ShUserData>(std::move(data));
  return reply;
}

ShReply ScriptedSh::failed(ShResult result) {
  ShReply reply;
  reply.result = result;
  return reply;
}

ServiceApplication application(std::string id, ConsentDefault consent) {
  ServiceApplication made;
  made.id = std::move(id);
  made.consent = consent;
  return made;
}

PushLab::PushLab(Options options) : memory(on(clock)), options_(std::move(options)) {
  if (options_.apps.empty()) {
    options_.apps = {application("news.ua", ConsentDefault::open), application("mms.ua", ConsentDefault::open),
                     application("shut.ua", ConsentDefault::closed), application("*", ConsentDefault::ask)};
  }
  boot();
}

PushLab::~PushLab() {
  if (node_) crash();
}

std::vector<ServiceProfile> PushLab::profiles() const {
  ServiceProfile profile;
  profile.id = "push";
  profile.application = "push";
  profile.server_name = "sip:127.0.0.1:5065;lr";
  for (const auto* method : {"MESSAGE", "SUBSCRIBE"}) {
    ServiceTrigger trigger;
    trigger.name = method == std::string_view("MESSAGE") ? "hold" : "subscriptions";
    trigger.priority = 20;
    Condition condition;
    condition.test = Condition::Method{method};
    trigger.when = std::move(condition);
    trigger.tag = trigger.name;
    profile.triggers.push_back(std::move(trigger));
  }
  profile.apps = options_.apps;
  return {std::move(profile)};
}

container::ModuleSpec PushLab::spec(const std::string& config, ConfigIssues& issues) const {
  container::ModuleSpec made;
  made.name = "push";
  auto text = std::string(kConfig) + config;
  text.replace(text.find("CALLBACKS"), std::string_view("CALLBACKS").size(), callbacks);
  auto section = parse_yaml(text, "test.yaml", issues);
  REQUIRE(section.has_value());
  made.section = std::move(*section);
  return made;
}

void PushLab::reload(const std::string& config) {
  auto& node = *node_;
  ConfigIssues issues;
  std::vector<std::string> needs_restart;
  const auto prepared = node.host.prepare({spec(config, issues)}, profiles(), *node.snapshot, issues, needs_restart);
  REQUIRE(prepared.has_value());
  REQUIRE(needs_restart.empty());
  node.snapshot = *prepared;
  for (unsigned i = 0; i < node.containers.size(); ++i) {
    node.executors[i]->run([&] { node.containers[i]->reconfigure(node.snapshot); });
  }
  settle();
}

void PushLab::boot() {
  store.unavailable(false);
  node_ = std::make_unique<Node>();
  auto& node = *node_;
  node.host.add_builtin("push", &push::module_entry);
  ConfigIssues issues;
  auto loaded = node.host.load({spec(options_.config, issues)}, profiles(), issues);
  for (const auto& issue : issues.all()) {
    if (!issue.warning) MESSAGE(issue.line());
  }
  REQUIRE(loaded.has_value());
  node.snapshot = *loaded;
  for (unsigned i = 0; i < options_.shards; ++i) {
    node.executors.push_back(std::make_unique<ManualExecutor>(clock));
    const sip::ListenAddress address{sip::Transport::udp, "127.0.0.1", static_cast<std::uint16_t>(5065 + i)};
    node.stacks.push_back(std::make_unique<FakeSipStack>(*node.executors[i], std::vector{address}));
    container::ShardParts parts{.index = i,
                                .count = options_.shards,
                                .executor = *node.executors[i],
                                .stack = *node.stacks[i],
                                .store = store,
                                .sh = sh,
                                .http = node.http,
                                .admin_http = node.admin_http,
                                .node = {"as1", "ims.lab", "sip:127.0.0.1:6060;lr", "http://127.0.0.1:8080"},
                                .trusted = [](const sip::PeerAddress& peer) { return peer.host == "127.0.0.1"; },
                                .own_hosts = {},
                                .own_identities = {},
                                .limits = {},
                                .http_client = &http,
                                .blobs = &blobs,
                                .msrp = &msrp};
    node.containers.push_back(std::make_unique<container::Container>(std::move(parts), node.all, node.host, node.snapshot));
  }
  std::optional<Error> error;
  for (unsigned i = 0; i < options_.shards; ++i) {
    node.executors[i]->run([&] { spawn(start_container(*node.containers[i], error)); });
  }
  settle();
  REQUIRE(!error.has_value());
}

void PushLab::crash() {
  store.unavailable(true);
  auto& node = *node_;
  for (unsigned i = 0; i < node.containers.size(); ++i) {
    node.executors[i]->run([&] { node.containers[i]->stop(); });
  }
  http.abandon();
  settle();
  // What still sleeps sees that it is over and ends; the clock of the dead process does not count.
  for (const auto& executor : node.executors) executor->advance(std::chrono::seconds(15));
  settle();
  node_.reset();
}

void PushLab::settle() {
  for (bool more = true; more;) {
    more = false;
    for (const auto& executor : node_->executors) more = executor->run_ready() > 0 || more;
  }
}

void PushLab::advance(Duration span) {
  // Shards share the clock: small steps, so that none is late by much.
  if (node_->executors.size() == 1) return node_->executors.front()->advance(span), settle();
  for (auto left = span; left > Duration::zero();) {
    const auto step = std::min<Duration>(left, std::chrono::milliseconds(100));
    node_->executors.front()->advance(step);
    settle();
    left -= step;
  }
}

Answer PushLab::call(const std::string& method, const std::string& path, std::optional<json> body, std::vector<HttpField> headers,
                     bool admin) {
  if (body) headers.push_back({"Content-Type", "application/json"});
  return call_raw(method, path, body ? body->dump() : "", std::move(headers), admin);
}

Answer PushLab::call_raw(const std::string& method, const std::string& path, std::string body, std::vector<HttpField> headers,
                         bool admin) {
  HttpRequest request;
  request.method = method;
  request.headers = std::move(headers);
  request.body = std::move(body);
  request.client_certificate_name = client_certificate;
  auto& routes = admin ? node_->admin_http : node_->http;
  const auto handler = routes.handlers.find(route(request, method, path));
  REQUIRE(handler != routes.handlers.end());
  std::optional<HttpResponse> response;
  node_->executors.front()->run([&] { spawn(fetch(handler->second, std::move(request), response)); });
  settle();
  REQUIRE(response.has_value());
  Answer answer;
  answer.status = response->status;
  for (const auto& field : response->headers) answer.headers[field.name] = field.value;
  answer.text = response->body;
  answer.body = response->body.empty() ? json() : json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  return answer;
}

std::vector<std::string> PushLab::routes() const {
  std::vector<std::string> found;
  for (const auto& [route, handler] : node_->http.handlers) found.push_back(route);
  return found;
}

std::shared_ptr<ScriptedStream> PushLab::watch(const std::string& id, std::vector<HttpField> headers, int expected) {
  HttpRequest request;
  request.method = "GET";
  request.headers = std::move(headers);
  request.headers.push_back({"Accept", "text/event-stream"});
  const auto handler = node_->admin_http.handlers.find(route(request, "GET", "/v1/pushes/" + id + "/events"));
  REQUIRE(handler != node_->admin_http.handlers.end());
  std::optional<HttpResponse> response;
  inside([&] { spawn(fetch(handler->second, std::move(request), response)); });
  REQUIRE(response.has_value());
  REQUIRE(response->status == expected);
  if (!response->stream) return nullptr;
  auto stream = std::make_shared<ScriptedStream>();
  inside([&] { response->stream(stream); });
  return stream;
}

std::string PushLab::push(const std::string& to, json more) {
  json body{{"to", json::array({to})}, {"app", "news.ua"}, {"content", {{"type", "text/plain"}, {"text", "Goal!"}}}};
  body.update(more);
  const auto answer = call("POST", "/v1/pushes", body);
  REQUIRE_MESSAGE(answer.status == 202, answer.body.dump());
  return answer.body["id"];
}

json PushLab::delivery(const std::string& id, std::size_t index) {
  const auto answer = call("GET", "/v1/pushes/" + id, {}, {}, /*admin=*/true);
  REQUIRE(answer.status == 200);
  return answer.body["recipients"][index];
}

void PushLab::registered(const std::string& user, int expires, const std::string& apps) {
  const auto inner = "REGISTER sip:ims.lab SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6101;branch=z9hG4bKue\r\nFrom: <" + user +
                     ">;tag=ue\r\nTo: <" + user + ">\r\nCall-ID: ue-" + user +
                     "\r\nCSeq: 1 REGISTER\r\nContact: <sip:ue@127.0.0.1:6101>;expires=" + std::to_string(expires) +
                     ";+g.oma.pusheventapp=\"" + apps + "\"\r\nContent-Length: 0\r\n\r\n";
  auto request = sip_request("REGISTER", "sip:127.0.0.1:5065",
                             {{"From", "<sip:127.0.0.1:6060>;tag=scscf"},
                              {"To", "<" + user + ">"},
                              {"Contact", "<sip:127.0.0.1:6060>"},
                              {"Expires", std::to_string(expires)},
                              {"Content-Type", "message/sip"}},
                             inner);
  const auto call = stack().receive(std::move(request));
  settle();
  REQUIRE(call->final() == 200);
}

std::vector<std::shared_ptr<FakeSipStack::Sent>> PushLab::messages(std::string_view method) const {
  std::vector<std::shared_ptr<FakeSipStack::Sent>> found;
  for (const auto& stack : node_->stacks) {
    for (const auto& sent : stack->sent()) {
      if (sent->request.method() == method) found.push_back(sent);
    }
  }
  return found;
}

void PushLab::answer(const std::shared_ptr<FakeSipStack::Sent>& sent, int status, std::vector<SipHeaderField> headers,
                     std::string body) {
  node_->executors.front()->run([&] { sent->answer(status, std::move(headers), std::move(body)); });
  settle();
}

void PushLab::inside(const std::function<void()>& work) {
  node_->executors.front()->run(work);
  settle();
}

void PushLab::fail(const std::shared_ptr<FakeSipStack::Sent>& sent, int status, ResponseOrigin origin) {
  node_->executors.front()->run([&] { sent->fail(status, origin); });
  settle();
}

}  // namespace herald::test
