#include "text/problem.h"

namespace herald::push {
namespace {

std::string_view title_of(int http) {
  switch (http) {
    case 400:
      return "Bad request";
    case 401:
      return "Not authenticated";
    case 403:
      return "Not allowed";
    case 404:
      return "Not found";
    case 406:
      return "Not acceptable";
    case 409:
      return "Conflict";
    case 413:
      return "Too large";
    case 415:
      return "Unsupported media type";
    case 422:
      return "Not possible";
    case 429:
      return "Too many requests";
    case 501:
      return "Not implemented";
    case 503:
      return "Temporarily unavailable";
    default:
      return "Error";
  }
}

}  // namespace

Problem problem_of(const Error& error) {
  // The words of the store are for the operator's log, not for an initiator.
  switch (error.code) {
    case ErrorCode::not_found:
      return {404, 2004, "no such push"};
    case ErrorCode::busy:
    case ErrorCode::timeout:
    case ErrorCode::unavailable:
    case ErrorCode::fenced:
    case ErrorCode::gone:
      return {503, 4001, "the store cannot take the request now; nothing was accepted", std::chrono::seconds(1)};
    default:
      return {500, 4000, "the store failed; nothing was accepted"};
  }
}

HttpResponse to_response(const Problem& problem) {
  auto response = HttpResponse::problem(problem.http, title_of(problem.http), problem.detail, problem.code);
  if (problem.retry_after) response.headers.push_back({"Retry-After", std::to_string(problem.retry_after->count())});
  if (problem.http == 401) response.headers.push_back({"WWW-Authenticate", "Bearer realm=\"push\", Basic realm=\"push\""});
  return response;
}

}  // namespace herald::push
