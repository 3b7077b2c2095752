#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/ssl.hpp>
#include <filesystem>

#include "http/client.hpp"
#include "tests/http/loopback.hpp"

namespace relevo {
namespace {

using namespace loopback;
namespace ssl = asio::ssl;

/// A key and a certificate for localhost that signs itself, in one file.
class Certificate {
  public:
    Certificate()
        : path_(std::filesystem::temp_directory_path() / ("relevo_tls_" + std::to_string(::getpid()))) {
        const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
        const std::unique_ptr<X509, decltype(&X509_free)> cert(X509_new(), &X509_free);
        X509_set_version(cert.get(), 2);
        ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
        X509_gmtime_adj(X509_getm_notBefore(cert.get()), -60);
        X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
        X509_set_pubkey(cert.get(), key.get());
        auto* const name = X509_get_subject_name(cert.get());
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"),
                                   -1, -1, 0);
        X509_set_issuer_name(cert.get(), name);
        auto* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
        X509_add_ext(cert.get(), names, -1);
        X509_EXTENSION_free(names);
        X509_sign(cert.get(), key.get(), EVP_sha256());
        FILE* const file = std::fopen(path_.c_str(), "w");
        PEM_write_X509(file, cert.get());
        PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(file);
    }
    ~Certificate() { std::filesystem::remove(path_); }
    std::string path() const { return path_.string(); }

  private:
    std::filesystem::path path_;
};

struct Fixture {
    Fixture() {
        context.use_certificate_chain_file(certificate.path());
        context.use_private_key_file(certificate.path(), ssl::context::pem);
    }

    Task<void> serve(tcp::socket socket) {
        ssl::stream<tcp::socket> stream(std::move(socket), context);
        const auto [error] = co_await stream.async_handshake(ssl::stream_base::server, quiet);
        if (error) co_return;
        server_name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
        while (true) {
            std::string head;
            const auto [read_error, size] =
                co_await asio::async_read_until(stream, asio::dynamic_buffer(head), "\r\n\r\n", quiet);
            if (read_error) co_return;
            const std::string response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            co_await asio::async_write(stream, asio::buffer(response), quiet);
        }
    }

    boost::system::result<HttpResponse, HttpFault> ask(PooledHttpClient& client, std::string host) {
        HttpCall call;
        call.method = "GET";
        call.url = "https://" + host + ":" + std::to_string(server.port()) + "/";
        call.chosen_by = ChosenBy::installation;
        return run(io, client.send(std::move(call)));
    }

    asio::io_context io{1};
    Certificate certificate;
    ssl::context context{ssl::context::tls_server};
    std::string server_name;
    ScriptedServer server{io, [this](tcp::socket socket, int) { return serve(std::move(socket)); }};
};

}  // namespace

TEST_CASE("https works with a certificate that is trusted and named right, and keeps its connection") {
    Fixture at;
    PooledHttpClient client(at.io, {.ca_file = at.certificate.path()});
    for (int i = 0; i < 3; ++i) CHECK(at.ask(client, "localhost")->body == "ok");
    CHECK(at.server_name == "localhost");
    CHECK(at.server.connections() == 1);
}

TEST_CASE("a certificate that nobody vouches for ends the call before anything is sent") {
    Fixture at;
    PooledHttpClient client(at.io);
    const auto reply = at.ask(client, "localhost");
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().reached == Reached::no);
    CHECK(reply.error().text.find("TLS handshake") != std::string::npos);
}

TEST_CASE("a trusted certificate of another name ends the call too") {
    Fixture at;
    PooledHttpClient client(at.io, {.ca_file = at.certificate.path()});
    const auto reply = at.ask(client, "127.0.0.1");
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().reached == Reached::no);
}

TEST_CASE("a server that never shakes hands costs no more than the deadline") {
    asio::io_context io{1};
    ScriptedServer server(io, [](tcp::socket socket, int) -> Task<void> { co_await read_all(socket); });
    PooledHttpClient client(io);
    HttpCall call;
    call.url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
    call.chosen_by = ChosenBy::installation;
    call.deadline = Millis(50);
    const auto reply = run(io, client.send(std::move(call)));
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().reached == Reached::no);
}

}  // namespace relevo
