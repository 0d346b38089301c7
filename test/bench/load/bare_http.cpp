// The bare part of a push's HTTP leg: libevent's evhttp takes the same POST and answers 202 with a body of the same size.
//   bench_bare_http PORT
#include <csignal>
#include <cstdlib>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <string>

namespace {
const std::string& reply_body() {
  static const std::string body(330, 'x');
  return body;
}
void on_request(evhttp_request* request, void*) {
  auto* in = evhttp_request_get_input_buffer(request);
  evbuffer_drain(in, evbuffer_get_length(in));
  auto* out = evhttp_request_get_output_headers(request);
  evhttp_add_header(out, "Content-Type", "application/json");
  evhttp_add_header(out, "Location", "/v1/pushes/01JD00000000000000000000000");
  auto* body = evbuffer_new();
  evbuffer_add(body, reply_body().data(), reply_body().size());
  evhttp_send_reply(request, 202, "Accepted", body);
  evbuffer_free(body);
}
}  // namespace

int main(int, char** argv) {
  auto* base = event_base_new();
  auto* http = evhttp_new(base);
  evhttp_set_allowed_methods(http, EVHTTP_REQ_POST);
  evhttp_set_gencb(http, on_request, nullptr);
  if (evhttp_bind_socket(http, "127.0.0.1", static_cast<std::uint16_t>(std::atoi(argv[1]))) != 0) return 1;
  event_base_dispatch(base);
}
