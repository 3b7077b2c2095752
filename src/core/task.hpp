#pragma once

#include <boost/asio/awaitable.hpp>

namespace relevo {

/// A coroutine on an io_context; lazily started, owned and awaited by its caller.
template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace relevo
