#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <list>
#include <memory>
#include <vector>

#include "http/server.hpp"

namespace relevo {

/// One connection, as its server sees it.
struct OpenConnection {
    boost::asio::cancellation_signal cancel;
    bool idle = false;                           ///< between two requests: closing it loses nothing
    std::list<OpenConnection*>::iterator place;  ///< among the idle ones, while it is
};

/// What all connections of one server share.
struct Serving {
    ServerLimits limits;
    HttpHandler handler;
    HeadCheck check;
    std::vector<std::pair<std::string, Mount*>> mounts;
    std::list<OpenConnection*> idle;  ///< whoever has waited longest first
    std::size_t bodies_bytes = 0;     ///< held by requests being read or handled
    bool stopping = false;
};

/// Reads requests and writes responses until either side ends the connection.
Task<void> serve_connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<Serving> serving,
                            std::shared_ptr<OpenConnection> open);

}  // namespace relevo
