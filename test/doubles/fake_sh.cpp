#include "doubles/fake_sh.h"

#include "herald/executor.h"

namespace herald::test {

Future<ShReply> FakeSh::user_data(ShQuery query, Deadline deadline) {
  queries.push_back(query);
  if (silent) {
    auto promise = std::make_shared<Promise<ShReply>>();
    auto future = promise->future();
    Executor::current()->timers().start_at(deadline.when(), [promise] { promise->set(failed(ShResult::timeout)); });
    return future;
  }
  if (rule) return ready<ShReply>(rule(query));
  return ready<ShReply>(query.data == ShDataRef::user_state ? state(ImsUserState::not_registered) : failed(ShResult::no_data));
}

ShReply FakeSh::failed(ShResult result, std::uint32_t diameter_code) {
  ShReply reply;
  reply.result = result;
  reply.diameter_code = diameter_code;
  return reply;
}

ShReply FakeSh::state(ImsUserState state) {
  ShReply reply;
  reply.result = ShResult::ok;
  ShUserData data;
  data.state = state;
  reply.data = std::make_shared<const ShUserData>(std::move(data));
  return reply;
}

ShReply FakeSh::profile(const std::string& consent, const std::string& inner) {
  ShReply reply;
  reply.result = ShResult::ok;
  ShUserData data;
  ShRepositoryData repository;
  repository.service_indication = "push-profile";
  repository.service_data = "<push-profile xmlns=\"urn:example:push-profile:1\" version=\"1\"><consent state=\"" + consent +
                            "\"/>" + inner + "</push-profile>";
  data.repository = std::move(repository);
  reply.data = std::make_shared<const ShUserData>(std::move(data));
  return reply;
}

}  // namespace herald::test
