#include "digest.h"

#include <doctest/doctest.h>

using namespace herald;
using namespace herald::receiver;

TEST_CASE("RFC 2617 3.5: the response of its example, with qop") {
  const auto challenge = DigestChallenge::parse(
      R"(Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41")");
  REQUIRE(challenge);
  CHECK(challenge->qop_auth);
  CHECK(challenge->opaque == "5ccc069c403ebaf9f0171e9517f40e41");
  const DigestCredentials mufasa{"Mufasa", "Circle Of Life"};
  const DigestRequest request{"GET", "/dir/index.html", "0a4f113b", 1};
  CHECK(digest_response(*challenge, mufasa, request) == "6629fae49393a05397450978507c4ef1");
  const auto header = digest_authorization(*challenge, mufasa, request);
  CHECK(
      header ==
      R"(Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", )"
      R"(response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41", qop=auth, nc=00000001, cnonce="0a4f113b")");
}

TEST_CASE("RFC 7616 3.9.1: MD5 and SHA-256 of its example") {
  const std::string common =
      R"(Digest realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", algorithm=)";
  const DigestCredentials mufasa{"Mufasa", "Circle of Life"};
  const DigestRequest request{"GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1};
  const auto md5 = DigestChallenge::parse(common + "MD5");
  REQUIRE(md5);
  CHECK(digest_response(*md5, mufasa, request) == "8ca523f5e9506fed4657c9700eebdbec");
  const auto sha = DigestChallenge::parse(common + "SHA-256");
  REQUIRE(sha);
  CHECK(digest_response(*sha, mufasa, request) == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

TEST_CASE("without qop the RFC 2069 form is used and no nonce count sent") {
  const auto challenge = DigestChallenge::parse(R"(Digest realm="ims.lab", nonce="abc")");
  REQUIRE(challenge);
  CHECK_FALSE(challenge->qop_auth);
  const DigestRequest request{"REGISTER", "sip:ims.lab", "x", 7};
  // md5(md5("u:ims.lab:p") : abc : md5("REGISTER:sip:ims.lab"))
  CHECK(digest_response(*challenge, {"u", "p"}, request) == "8ef077fc3c6a675c11781b376934c12c");
  CHECK(digest_authorization(*challenge, {"u", "p"}, request).find("nc=") == std::string::npos);
}

TEST_CASE("the nonce count is eight hexadecimal digits and changes the response") {
  const auto challenge = DigestChallenge::parse(R"(Digest realm="r", nonce="n", qop="auth")");
  REQUIRE(challenge);
  const DigestRequest first{"REGISTER", "sip:r", "c", 1}, later{"REGISTER", "sip:r", "c", 0xab};
  CHECK(digest_response(*challenge, {"u", "p"}, first) != digest_response(*challenge, {"u", "p"}, later));
  CHECK(digest_authorization(*challenge, {"u", "p"}, later).find("nc=000000ab") != std::string::npos);
}

TEST_CASE("quotes in values are kept apart from the quotes round them") {
  const auto challenge = DigestChallenge::parse(R"(  digest  REALM = "a \"b\", c" , nonce="n,m",stale=TRUE)");
  REQUIRE(challenge);
  CHECK(challenge->realm == R"(a "b", c)");
  CHECK(challenge->nonce == "n,m");
  CHECK(challenge->stale);
  CHECK(digest_authorization(*challenge, {"u", "p"}, {}).find(R"(realm="a \"b\", c")") != std::string::npos);
}

TEST_CASE("challenges that cannot be answered are refused with the reason") {
  CHECK(DigestChallenge::parse("").error().code == ErrorCode::invalid);
  CHECK(DigestChallenge::parse("Digest").error().code == ErrorCode::invalid);
  CHECK(DigestChallenge::parse("Digest realm").error().code == ErrorCode::invalid);
  CHECK(DigestChallenge::parse(R"(Digest realm="r")").error().code == ErrorCode::invalid);
  CHECK(DigestChallenge::parse(R"(Basic realm="r")").error().code == ErrorCode::unsupported);
  CHECK(DigestChallenge::parse(R"(Digest realm="r", nonce="n", algorithm=AKAv1-MD5)").error().code == ErrorCode::unsupported);
  CHECK(DigestChallenge::parse(R"(Digest realm="r", nonce="n", qop="auth-int")").error().code == ErrorCode::unsupported);
}

TEST_CASE("the first REGISTER names the private identity without a response") {
  CHECK(empty_authorization("alice@ims.lab", "ims.lab", "sip:ims.lab") ==
        R"(Digest username="alice@ims.lab", realm="ims.lab", nonce="", uri="sip:ims.lab", response="")");
}
