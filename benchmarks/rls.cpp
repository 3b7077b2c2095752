// What row-level security costs: a query by its key, bound by the policy that protect_tenant_rows makes,
// against the same query of the same rows by a role that no policy binds. In turns, so that whatever else the
// machine does meets both.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int tenants = 100;
constexpr int rows = 500'000;
constexpr int rounds = 51;              // of each
constexpr int queries_a_round = 2'000;  // in one transaction
constexpr double goal = 0.7;

std::string url_of(const std::string& database, const std::string& role = "") {
    const char* superuser = std::getenv("RELEVO_BENCH_POSTGRES");
    if (!superuser) throw std::runtime_error("RELEVO_BENCH_POSTGRES is not set: ./dev bench rls");
    std::string url = superuser;
    url = url.substr(0, url.find('?'));
    const auto host = url.find("://") + 3;
    url = url.substr(0, url.find('/', host)) + "/" + database;
    return role.empty() ? url : url + "?options=-c%20role%3D" + role;
}

void run(const std::string& url, const std::string& sql) {
    pqxx::connection connection(url);
    pqxx::nontransaction work(connection);
    work.exec(sql);
}

void make_rows() {
    run(url_of("postgres"), "DROP DATABASE IF EXISTS relevo_bench_rls WITH (FORCE)");
    run(url_of("postgres"), "CREATE DATABASE relevo_bench_rls");
    // as the tables under traffic: the key begins with what tells rows apart and ends with the tenant
    run(url_of("relevo_bench_rls"),
        "CREATE TABLE replies (tenant_id bigint NOT NULL, id uuid NOT NULL, status text NOT NULL, text text "
        "NOT NULL, "
        "PRIMARY KEY (id, tenant_id));"
        "INSERT INTO replies SELECT 1 + n % " +
            std::to_string(tenants) +
            ", md5(n::text)::uuid, 'pending', repeat('palabra ', 12) FROM generate_series(1, " +
            std::to_string(rows) +
            ") AS n;"
            "ALTER TABLE replies ENABLE ROW LEVEL SECURITY; ALTER TABLE replies FORCE ROW LEVEL SECURITY;"
            "CREATE POLICY tenant ON replies"
            " USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint)"
            " WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);"
            "GRANT SELECT ON replies TO relevo_app");
    run(url_of("relevo_bench_rls"), "VACUUM ANALYZE replies");
}

/// Asks for rows by their keys, all of one tenant.
class Asker {
  public:
    explicit Asker(const std::string& role) : connection_(url_of("relevo_bench_rls", role)) {
        connection_.prepare("find", "SELECT status FROM replies WHERE tenant_id = $1 AND id = $2::uuid");
        connection_.prepare("id", "SELECT md5($1::text)::uuid::text");
        pqxx::nontransaction work(connection_);
        for (int n = 1; n <= queries_a_round; ++n) {
            const int row = 1 + n * tenants % (rows - tenants);  // of tenant 2
            ids_.push_back(
                work.exec(pqxx::prepped{"id"}, pqxx::params{std::to_string(row)}).one_field().c_str());
        }
    }

    /// Microseconds for each query.
    double round() {
        pqxx::work work(connection_);
        work.exec("SELECT set_config('app.tenant_id', '2', true)");
        int found = 0;
        const auto begun = Clock::now();
        for (const auto& id : ids_)
            found += static_cast<int>(work.exec(pqxx::prepped{"find"}, pqxx::params{2, id}).size());
        const auto took = std::chrono::duration<double, std::micro>(Clock::now() - begun).count();
        if (found != queries_a_round)
            throw std::runtime_error("rows were not found: " + std::to_string(found));
        return took / queries_a_round;
    }

  private:
    pqxx::connection connection_;
    std::vector<std::string> ids_;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

}  // namespace

int main() {
    make_rows();
    Asker bound("relevo_app");
    Asker unbound("");  // a superuser
    std::vector<double> with;
    std::vector<double> without;
    for (int warm = 0; warm < 3; ++warm) {
        bound.round();
        unbound.round();
    }
    for (int round = 0; round < rounds; ++round) {
        // who is first changes too
        if (round % 2 == 0) with.push_back(bound.round());
        without.push_back(unbound.round());
        if (round % 2 == 1) with.push_back(bound.round());
    }
    const double ratio = median(without) / median(with);
    std::printf("a row by its key, of %d rows and %d tenants, %d rounds of %d queries in turns, medians:\n",
                rows, tenants, rounds, queries_a_round);
    std::printf("  with row-level security     %7.1f us\n", median(with));
    std::printf("  without                     %7.1f us\n", median(without));
    std::printf("  speed with it               %7.2f of that without (goal: at least %.1f)\n", ratio, goal);
    run(url_of("postgres"), "DROP DATABASE relevo_bench_rls WITH (FORCE)");
    return ratio >= goal ? 0 : 1;
}
