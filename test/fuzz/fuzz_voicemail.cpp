// What comes from a telephone system: the first octet says which of its parsers gets the rest. A
// message that is made of it must have exactly the parts that were put into it.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "mail/structure.h"
#include "mta/voicemail/audio.h"
#include "mta/voicemail/mailcmd_message.h"
#include "mta/voicemail/sip_notify.h"
#include "mta/voicemail/spool_text.h"
#include "mta/voicemail/voice_message.h"

namespace {

void compose_and_look(mta::VoiceMessage voice) {
    voice.context = "default";
    voice.mailbox = voice.text.origmailbox;
    voice.recipient = "alice@example.test";
    voice.extension = voice.text.category;
    voice.audio = "audio";
    const mail::Structure structure = mail::parse_structure(mta::compose(voice));
    CHECK(structure.infos.size() == 3);
    (void)mta::voice_attributes(voice);
}

void read_text(std::string_view input) {
    const auto text = mta::parse_spool_text(input);
    if (text) {
        mta::VoiceMessage voice;
        voice.text = text.value();
        compose_and_look(std::move(voice));
    }
}

void read_email(std::string_view input) {
    const auto mailcmd = mta::read_mailcmd(input);
    if (mailcmd) {
        mta::VoiceMessage voice;
        voice.text = mailcmd.value().text;
        voice.info = mailcmd.value().info;
        (void)mta::complete(mailcmd.value(), voice);
        (void)mta::mailcmd_key(mailcmd.value());
        compose_and_look(std::move(voice));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 5) {
        case 0:
            read_text(input);
            break;
        case 1:
            read_email(input);
            break;
        case 2:
            (void)mta::notify_status(input, {"z9hG4bKabc", "tag", "call1"});
            (void)mta::parse_sip_target(input);
            break;
        case 3:
            (void)mta::probe_audio(input, "wav");
            break;
        default:
            (void)mta::probe_audio(input, "gsm");
            break;
    }
    return 0;
}
