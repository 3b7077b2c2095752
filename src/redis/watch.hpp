#pragma once

#include <boost/asio/io_context.hpp>

struct redisAsyncContext;

namespace relevo {

/// Lets `io` wait for the socket of a hiredis connection, until hiredis frees it. Both belong to io's thread.
void watch_socket(boost::asio::io_context& io, redisAsyncContext* redis);

}  // namespace relevo
