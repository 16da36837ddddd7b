import type { ReactNode } from 'react';

const icon = (children: ReactNode) =>
  function Icon() {
    return (
      <svg
        viewBox="0 0 20 20"
        width="18"
        height="18"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden
      >
        {children}
      </svg>
    );
  };

const speaker = <path d="M3.5 8v4h2.7L10 15.2V4.8L6.2 8z" />;

export const ArrowUpIcon = icon(<path d="M10 16V4.5M5 9.2l5-5 5 5" />);
export const StopIcon = icon(<rect x="5.5" y="5.5" width="9" height="9" rx="2" fill="currentColor" stroke="none" />);
export const LinkIcon = icon(
  <path d="M8.3 11.7a3 3 0 0 0 4.4.2l2.4-2.4a3 3 0 0 0-4.3-4.3L9.6 6.4M11.7 8.3a3 3 0 0 0-4.4-.2L4.9 10.5a3 3 0 0 0 4.3 4.3l1.2-1.2" />,
);
export const MicrophoneIcon = icon(
  <>
    <rect x="7.25" y="3" width="5.5" height="9" rx="2.75" />
    <path d="M4.5 9.8a5.5 5.5 0 0 0 11 0M10 15.3V17.5" />
  </>,
);
export const MicrophoneOffIcon = icon(
  <>
    <path d="M12.75 8V5.75a2.75 2.75 0 0 0-5.3-1M7.25 8.2v1.05a2.75 2.75 0 0 0 4.5 2.12M4.5 9.8a5.5 5.5 0 0 0 8.9 4.3M15.3 11.4a5.5 5.5 0 0 0 .2-1.6M10 15.3V17.5" />
    <path d="m3.5 3.5 13 13" />
  </>,
);
export const EyeIcon = icon(
  <>
    <path d="M2.5 10S5.2 5 10 5s7.5 5 7.5 5-2.7 5-7.5 5-7.5-5-7.5-5z" />
    <circle cx="10" cy="10" r="2.2" />
  </>,
);
export const CameraIcon = icon(
  <>
    <rect x="2.5" y="5.5" width="10.5" height="9" rx="2" />
    <path d="m13 8.8 4.5-2.3v7L13 11.2" />
  </>,
);
export const ScreenIcon = icon(
  <>
    <rect x="2.5" y="4" width="15" height="10" rx="2" />
    <path d="M7 17h6M10 14v3" />
  </>,
);
export const ChevronUpIcon = icon(<path d="m6 12 4-4 4 4" />);
export const CopyIcon = icon(<path d="M7.5 7.5v-3h8v8h-3M4.5 7.5h8v8h-8z" />);
export const DownloadIcon = icon(<path d="M10 3.5v9M6.2 9 10 12.8 13.8 9M4.5 16h11" />);
export const CheckIcon = icon(<path d="m4.5 10.5 3.6 3.6 7.4-8" />);
export const LogIcon = icon(<path d="M4 5.5h12M4 10h12M4 14.5h7" />);
export const CloseIcon = icon(<path d="m5.5 5.5 9 9m0-9-9 9" />);
export const SoundOnIcon = icon(
  <>
    {speaker}
    <path d="M13 7.6a3.6 3.6 0 0 1 0 4.8M15.2 5.4a6.6 6.6 0 0 1 0 9.2" />
  </>,
);
export const SoundOffIcon = icon(
  <>
    {speaker}
    <path d="m13.2 8 4 4m0-4-4 4" />
  </>,
);
