#include <algorithm>

#include "core/error.hpp"
#include "core/json_object.hpp"
#include "postgres/operator_books.hpp"
#include "postgres/operator_session.hpp"

namespace relevo {
namespace {

// 32 MB of `messages`: about a second, so that progress moves and an interrupt is heard.
constexpr std::int64_t pages_at_once = 4'096;

void add(Audit& audit, const Json& part, std::size_t listed) {
    for (const auto& row : part["counts"].items()) {
        audit.counts[row.text("ended")][row.text("reason")] += row.number("count");
    }
    for (const auto& row : part["unexplained"].items()) {
        if (audit.unexplained.size() == listed) break;
        audit.unexplained.push_back({row.text("message"), row.text("slug"), row.text("reason"),
                                     row["since"].null() ? std::nullopt : std::optional(row.time("since"))});
    }
}

class PostgresAuditBook final : public AuditBook {
  public:
    explicit PostgresAuditBook(const OperatorUrls& urls) : session_(urls.plain, operator_setting) {}

    Audit audit(const AuditRequest& request,
                const std::function<void(double, const Audit&)>& progress) override {
        session_.require_shop(request.tenant);
        const Json size = session_.ask("audit_size", "{}");
        Audit audit;
        add(audit, session_.ask("audit_letters", of(request).str()), request.listed);
        const std::int64_t pages = size.number("pages");
        for (std::int64_t from = 0; from < pages; from += pages_at_once) {
            const std::int64_t to = std::min(from + pages_at_once, pages);
            add(audit,
                session_.ask("audit_messages", of(request).number("from", from).number("to", to).str()),
                request.listed);
            progress(static_cast<double>(to) / static_cast<double>(pages), audit);
        }
        return audit;
    }

  private:
    static JsonObject of(const AuditRequest& request) {
        return JsonObject()
            .text_if_any("tenant", request.tenant)
            .time("since", request.since)
            .time("now", request.now)
            .number("bound_ms", request.bound.count())
            .raw("lagging", json_texts(request.lagging))
            .number("listed", static_cast<std::int64_t>(request.listed));
    }

    OperatorSession session_;
};

}  // namespace

std::unique_ptr<AuditBook> make_audit_book(const OperatorUrls& urls) {
    return std::make_unique<PostgresAuditBook>(urls);
}

}  // namespace relevo
