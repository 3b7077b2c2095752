#include "redis/watch.hpp"

#include <hiredis/async.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>

namespace relevo {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// What hiredis asks for: to be told when its socket can be read or written. It owns the socket; we only wait.
struct Watch : std::enable_shared_from_this<Watch> {
    using WaitType = asio::posix::descriptor_base::wait_type;

    // One direction: whether hiredis wants it, and whether a wait is under way.
    struct Side {
        WaitType type;
        void (*handle)(redisAsyncContext*);
        bool wanted = false;
        bool waiting = false;
    };

    Watch(asio::io_context& io, redisAsyncContext* context) : socket(io, context->c.fd), redis(context) {}

    void wait(Side& side) {
        side.wanted = true;
        if (side.waiting) return;
        side.waiting = true;
        socket.async_wait(side.type, [self = shared_from_this(), &side](error_code cancelled) {
            side.waiting = false;
            if (cancelled || self->redis == nullptr || !side.wanted) return;
            side.handle(self->redis);  // may free the connection, and with it all but `self`
            if (self->redis != nullptr && side.wanted) self->wait(side);
        });
    }
    // hiredis closes the socket itself.
    void end() {
        redis = nullptr;
        socket.release();
    }

    asio::posix::stream_descriptor socket;
    redisAsyncContext* redis;
    Side read{WaitType::wait_read, &redisAsyncHandleRead};
    Side write{WaitType::wait_write, &redisAsyncHandleWrite};
};

Watch& of(void* data) {
    return **static_cast<std::shared_ptr<Watch>*>(data);
}

}  // namespace

void watch_socket(asio::io_context& io, redisAsyncContext* redis) {
    auto& ev = redis->ev;
    ev.data = new std::shared_ptr<Watch>(std::make_shared<Watch>(io, redis));
    ev.addRead = [](void* data) { of(data).wait(of(data).read); };
    ev.delRead = [](void* data) { of(data).read.wanted = false; };
    ev.addWrite = [](void* data) { of(data).wait(of(data).write); };
    ev.delWrite = [](void* data) { of(data).write.wanted = false; };
    ev.cleanup = [](void* data) {
        of(data).end();
        delete static_cast<std::shared_ptr<Watch>*>(data);
    };
}

}  // namespace relevo
