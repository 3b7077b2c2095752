#pragma once

#include <memory>
#include <vector>

#include "http/server.hpp"

namespace relevo {

/// What all connections of one server share.
struct Serving {
    ServerLimits limits;
    HttpHandler handler;
    HeadCheck check;
    std::vector<std::pair<std::string, Mount*>> mounts;
    std::size_t bodies_bytes = 0;  ///< held by requests being read or handled
    bool stopping = false;
};

/// One connection, as its server sees it.
struct OpenConnection {
    bool idle = false;  ///< between two requests: closing it loses nothing
};

/// Reads requests and writes responses until either side ends the connection.
Task<void> serve_connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<Serving> serving,
                            std::shared_ptr<OpenConnection> open);

}  // namespace relevo
