#pragma once

// SmtpDialogue, ImapDialogue, Pop3Dialogue: whether a mail service greets as it should and answers
// its first command. A new connection for each probe, so that a server that keeps old sessions but
// greets new ones wrongly is found; the last one stays open as a tripwire.
//
//   SMTP  220, then EHLO answered by 250 (RFC 5321 3.1, 3.2). 421 (RFC 5321 3.8) is alive at either
//         place: turning senders away is how a server says that it is busy, and they try another.
//   IMAP  * OK or * PREAUTH, then CAPABILITY with IMAP4rev1 or IMAP4rev2 and OK (RFC 9051 6.1.1,
//         7.1). * BYE is a bad banner: a client that is turned away has no second server to try.
//   POP3  +OK, then CAPA answered in any way (RFC 2449 5: -ERR says that it knows no CAPA).
//
// Lines may end with a lone LF: foreign servers are careless. As probe_dialogue.h. Limits:
// kProbeInputMax octets of one probe.

#include <string>

#include "dns/probe/probe_dialogue.h"

namespace dns::probe {

/// What the three have in common: lines, their limit, the tripwire.
class LineDialogue : public ProbeDialogue {
  public:
    [[nodiscard]] AfterProbe after() const final { return AfterProbe::Tripwire; }

    std::string start(bool fresh) final;
    std::optional<Verdict> on_bytes(std::string_view bytes, std::string& out) final;

  protected:
    enum class Stage : std::uint8_t { Greeting, Command };

    [[nodiscard]] Stage stage() const noexcept { return stage_; }

    /// The greeting is complete: says `command` and waits for what follows.
    std::nullopt_t ask(std::string_view command, std::string& out);

    /// One line without its end.
    virtual std::optional<Verdict> on_line(std::string_view line, std::string& out) = 0;

    /// A good verdict.
    static Verdict alive();

  private:
    Stage stage_ = Stage::Greeting;
    std::string input_;
    std::size_t received_ = 0;  // octets of this probe
};

/// See the top of this file.
class SmtpDialogue final : public LineDialogue {
  public:
    [[nodiscard]] std::string_view farewell() const override { return "QUIT\r\n"; }

  private:
    std::optional<Verdict> on_line(std::string_view line, std::string& out) override;
};

/// See the top of this file.
class ImapDialogue final : public LineDialogue {
  public:
    [[nodiscard]] std::string_view farewell() const override { return "b LOGOUT\r\n"; }

  private:
    std::optional<Verdict> on_line(std::string_view line, std::string& out) override;

    bool knows_imap_ = false;
};

/// See the top of this file.
class Pop3Dialogue final : public LineDialogue {
  public:
    [[nodiscard]] std::string_view farewell() const override { return "QUIT\r\n"; }

  private:
    std::optional<Verdict> on_line(std::string_view line, std::string& out) override;

    bool listing_ = false;
};

}  // namespace dns::probe
