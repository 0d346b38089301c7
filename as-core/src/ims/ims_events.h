// Catalogue of the operator events of ims/.
#pragma once

#include "herald/log.h"

namespace herald::ims::events {

inline constexpr log::OperatorEvent kRegistrationLimit{"IM0101",
                                                       log::Level::error,
                                                       "limit of registrations reached",
                                                       "more users are registered than max_registrations allows",
                                                       "the users above the limit get their pushes only by way of Sh",
                                                       "raise the limit or add nodes"};
inline constexpr log::OperatorEvent kRegistrationNotStored{
    "IM0102",
    log::Level::warn,
    "a registration could not be written down",
    "the store refused or failed",
    "after a restart this user counts as not registered until the next REGISTER",
    "check the store"};
inline constexpr log::OperatorEvent kRegistrationUnreadable{"IM0103",
                                                            log::Level::warn,
                                                            "a stored registration could not be read",
                                                            "the record is damaged or of a newer version",
                                                            "the user counts as not registered until the next REGISTER",
                                                            "none, unless it is frequent: then check the database"};
inline constexpr log::OperatorEvent kRegisterBodyMalformed{
    "IM0104",
    log::Level::warn,
    "a part of a third-party REGISTER could not be read",
    "the S-CSCF or the UE sent a malformed body",
    "the user is registered, but his contacts or service information may be unknown",
    "look at the S-CSCF's ISC configuration"};
inline constexpr log::OperatorEvent kRegisterRefused{"IM0105",
                                                     log::Level::warn,
                                                     "a REGISTER was refused",
                                                     "it came from an untrusted peer or was no third-party REGISTER",
                                                     "none",
                                                     "check sip.trusted_peers if the sender is an S-CSCF"};
inline constexpr log::OperatorEvent kRegisterDropped{"IM0106",
                                                     log::Level::error,
                                                     "a third-party REGISTER was answered but not taken over",
                                                     "the user's home shard is overloaded",
                                                     "the user's state is old until the next REGISTER",
                                                     "add shards or nodes"};

inline constexpr log::OperatorEvent kReginfoMalformed{"IM0107",
                                                      log::Level::warn,
                                                      "a document of the reg event could not be read, or not wholly",
                                                      "the S-CSCF sent malformed reginfo, or more than is kept of one user",
                                                      "the user's contacts may be old until the next document",
                                                      "look at the S-CSCF's reg event"};
inline constexpr log::OperatorEvent kRegEventLimit{"IM0108",
                                                   log::Level::error,
                                                   "limit of watched reg events reached",
                                                   "more users register without contacts than one shard may watch",
                                                   "the contacts of the users above the limit stay unknown",
                                                   "let the S-CSCF include the REGISTER, or add shards"};

}  // namespace herald::ims::events
