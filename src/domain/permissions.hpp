#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace relevo {

/// What a shop's people and keys work with. shop: its own settings, as its time zone and how long it keeps
/// what customers write.
enum class Module { agents, tools, channels, knowledge, users, vault, conversations, billing, shop };

/// read and write are there for every module. conversations: reply as a human, erase a person. users: invite
/// (and reset a password), audit (read who changed what).
enum class Action { read, write, reply, erase, invite, audit };

/// Some of the permissions that there are: a finite list, each one named "module.action". Combining never
/// makes more of them than the sides have.
class Permissions {
  public:
    Permissions() = default;
    static Permissions all();
    /// Fails with "identity.unknown_permission" for a name that is not in the list.
    static Result<Permissions> parse(std::span<const std::string> names);
    /// What is stored: names that this version does not know allow nothing.
    static Permissions known(std::span<const std::string> names);

    bool allows(Module module, Action action) const;
    /// Whether everything that `other` allows is allowed here too.
    bool covers(const Permissions& other) const { return (other.bits_ & ~bits_) == 0; }
    bool empty() const { return bits_ == 0; }
    Permissions operator&(const Permissions& other) const { return Permissions(bits_ & other.bits_); }
    Permissions without(Module module) const;
    /// In the order of the list.
    std::vector<std::string> names() const;
    bool operator==(const Permissions&) const = default;

  private:
    explicit Permissions(std::uint32_t bits) : bits_(bits) {}
    std::uint32_t bits_ = 0;  // by the place in the list
};

}  // namespace relevo
