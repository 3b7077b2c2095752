#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relevo {

/// An IP address as it is written everywhere, so that texts can be compared: "2001:db8::1" however it was
/// spelled, and an IPv4 address without the "::ffff:" that some sockets put before it. Nothing for what is
/// none, such as a network or a host's name.
std::optional<std::string> ip_address(std::string_view text);

/// What one caller has of addresses: an IPv4 address alone, or the /64 of an IPv6 address, whose 2^64
/// addresses are one customer's (RFC 6177). What is no address stays as it is.
std::string ip_network(const std::string& address);

}  // namespace relevo
