// The calls of libsrtp 3 that mediasoup makes, on top of libsrtp 2.
//
// What differs: 3 hides the policy behind a handle with setters, where 2 has a struct to fill in; and 3 works from one
// buffer into another with size_t lengths, where 2 works in place with int.
#pragma once

// Both call the policy srtp_policy_t: 2's struct steps aside.
#define srtp_policy_t srtp2_policy
#include <srtp2/srtp.h>
#undef srtp_policy_t

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

// Errors that only 3 knows. 2 never returns them; mediasoup's table of error texts and the size checks below use them.
inline constexpr auto srtp_err_status_buffer_small = static_cast<srtp_err_status_t>(28);
inline constexpr auto srtp_err_status_cryptex_err = static_cast<srtp_err_status_t>(29);

struct srtp3_policy
{
	srtp2_policy fields{};
	std::vector<uint8_t> keyAndSalt; // 2 keeps a pointer to both in one piece until srtp_create()
};
using srtp_policy_t = srtp3_policy*;

inline srtp_err_status_t srtp_policy_create(srtp_policy_t* policy)
{
	*policy = new srtp3_policy();
	return srtp_err_status_ok;
}

inline void srtp_policy_destroy(srtp_policy_t policy)
{
	delete policy;
}

inline srtp_err_status_t srtp_policy_set_ssrc(srtp_policy_t policy, srtp_ssrc_t ssrc)
{
	policy->fields.ssrc = ssrc;
	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_profile(srtp_policy_t policy, srtp_profile_t profile)
{
	if (const auto err = srtp_crypto_policy_set_from_profile_for_rtp(&policy->fields.rtp, profile); err != srtp_err_status_ok)
	{
		return err;
	}
	return srtp_crypto_policy_set_from_profile_for_rtcp(&policy->fields.rtcp, profile);
}

inline srtp_err_status_t srtp_policy_add_key(
  srtp_policy_t policy,
  const uint8_t* key,
  size_t keyLen,
  const uint8_t* salt,
  size_t saltLen,
  const uint8_t* /*mki*/,
  size_t /*mkiLen*/)
{
	policy->keyAndSalt.assign(key, key + keyLen);
	policy->keyAndSalt.insert(policy->keyAndSalt.end(), salt, salt + saltLen);
	policy->fields.key = policy->keyAndSalt.data();
	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_allow_repeat_tx(srtp_policy_t policy, bool allow)
{
	policy->fields.allow_repeat_tx = allow ? 1 : 0;
	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_window_size(srtp_policy_t policy, size_t size)
{
	policy->fields.window_size = static_cast<unsigned long>(size);
	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_create(srtp_t* session, srtp_policy_t policy)
{
	return srtp_create(session, &policy->fields);
}

inline srtp_err_status_t srtp_stream_remove(srtp_t session, uint32_t ssrc)
{
	return srtp_remove_stream(session, ssrc);
}

// How 2 spells protecting and unprotecting.
using srtp_in_place = srtp_err_status_t (*)(srtp_t session, void* packet, int* length);

// `grows`: the most bytes 2 may write behind the packet. `*outLen` is the room at `out` before, the packet's length after.
inline srtp_err_status_t srtp_copy_then(
  srtp_in_place work, size_t grows, srtp_t session, const uint8_t* in, size_t inLen, uint8_t* out, size_t* outLen)
{
	if (inLen > static_cast<size_t>(INT_MAX) - grows || inLen + grows > *outLen)
	{
		return srtp_err_status_buffer_small;
	}
	if (in != out)
	{
		std::memmove(out, in, inLen);
	}
	int length = static_cast<int>(inLen);
	const auto err = work(session, out, &length);
	*outLen = err == srtp_err_status_ok ? static_cast<size_t>(length) : 0;
	return err;
}

inline srtp_err_status_t srtp_protect(
  srtp_t session, const uint8_t* rtp, size_t rtpLen, uint8_t* srtp, size_t* srtpLen, size_t /*mkiIndex*/)
{
	const srtp_in_place work = srtp_protect;
	return srtp_copy_then(work, SRTP_MAX_TRAILER_LEN, session, rtp, rtpLen, srtp, srtpLen);
}

inline srtp_err_status_t srtp_unprotect(srtp_t session, const uint8_t* srtp, size_t srtpLen, uint8_t* rtp, size_t* rtpLen)
{
	const srtp_in_place work = srtp_unprotect;
	return srtp_copy_then(work, 0, session, srtp, srtpLen, rtp, rtpLen);
}

inline srtp_err_status_t srtp_protect_rtcp(
  srtp_t session, const uint8_t* rtcp, size_t rtcpLen, uint8_t* srtcp, size_t* srtcpLen, size_t /*mkiIndex*/)
{
	const srtp_in_place work = srtp_protect_rtcp;
	return srtp_copy_then(work, SRTP_MAX_TRAILER_LEN + sizeof(uint32_t), session, rtcp, rtcpLen, srtcp, srtcpLen);
}

inline srtp_err_status_t srtp_unprotect_rtcp(
  srtp_t session, const uint8_t* srtcp, size_t srtcpLen, uint8_t* rtcp, size_t* rtcpLen)
{
	const srtp_in_place work = srtp_unprotect_rtcp;
	return srtp_copy_then(work, 0, session, srtcp, srtcpLen, rtcp, rtcpLen);
}
