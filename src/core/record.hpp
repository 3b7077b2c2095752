#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/ids.hpp"

namespace relevo {

/// What a record carries beside its payload: CloudEvents attributes in binary mode (ce_*), the W3C trace
/// context, and what keeps a replay from reaching a customer.
template <class Text>
struct BasicHeaders {
    Text id;                        ///< ce_id: computed from ids; the same for a redelivery
    Text type;                      ///< ce_type: the topic's name and major version, "relevo.turns.ready.v1"
    Text source;                    ///< ce_source: the stage that made it
    Text subject;                   ///< ce_subject: tenant and conversation, for a person reading the log
    Text traceparent;               ///< W3C trace context
    Text installation;              ///< whose customers this record may reach
    std::optional<SysTime> time{};  ///< ce_time
    std::optional<SysTime> expires{};  ///< after this nothing may be sent because of it
};
using Headers = BasicHeaders<std::string>;
using HeaderViews = BasicHeaders<std::string_view>;

HeaderViews views_of(const Headers& headers);
Headers copy_of(const HeaderViews& headers);

/// A record to be written.
struct Record {
    std::string topic;
    std::string key;
    std::string value;
    Headers headers;
};

/// A record as it was read. The views point into `owner`, but for the topic's name, the source's own.
struct Envelope {
    std::string_view topic;
    std::int32_t partition = 0;
    Offset offset;
    SysTime appended;  ///< the broker's LogAppendTime
    std::string_view key;
    std::string_view value;
    HeaderViews headers;
    std::shared_ptr<const void> owner;
};

/// The tenant that a key starts with ("17:…"), or the whole key where it names none: whoever takes turns.
std::string_view fairness_key(std::string_view key);

}  // namespace relevo
