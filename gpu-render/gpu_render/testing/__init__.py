"""What tests share: a real Redis, and a media server's end of the frame link."""
