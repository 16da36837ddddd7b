"""The GPU's side of InfiniteTalk RTC: draws talking avatars clip by clip."""
