/* See look.h. The libraries are told what little they may understand: no playlist, no network, no file that names
 * others, no decoder that is not of a format that people send each other. */
#include "ui/media/look.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/media/still.h"
#include "ui/media/waveform.h"

#define FORMATS "jpeg_pipe,png_pipe,webp_pipe,bmp_pipe,gif,mov,matroska,webm,avi,ogg,mp3,wav,flac,aac"
#define DECODERS                                                                                                       \
        "mjpeg,png,webp,bmp,gif,h264,hevc,vp8,vp9,libdav1d,mpeg4,theora,opus,vorbis,mp3float,mp3,aac,alac,flac,pcm_"   \
        "u8,"                                                                                                          \
        "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s32le,pcm_f32le"

enum {
        BUFFER_SIZE = 64 * 1024,
        PACKETS_MAX = 4000,             /* until there is a picture */
        PIXELS_MAX = 128 * 1024 * 1024, /* more is not decoded */
        SKIPPED_MSEC = 3000,            /* of a video: what is black so often; at most a tenth of it */
};

struct file {
        int fd;
        int64_t at, size;
};

struct media {
        struct file file;
        AVIOContext *io;
        AVFormatContext *format;
        AVCodecContext *decoder;
        AVFrame *frame;
        AVPacket *packet;
};

static void media_release(struct media *m)
{
        avcodec_free_context(&m->decoder);
        avformat_close_input(&m->format);
        if (m->io)
                av_freep((void *) &m->io->buffer);
        avio_context_free(&m->io);
        av_frame_free(&m->frame);
        av_packet_free(&m->packet);
}

/* -- the file ------------------------------------------------------------------------------------------------------ */

static int read_file(void *userdata, uint8_t *out, int size)
{
        struct file *f = userdata;
        const ssize_t n = pread(f->fd, out, (size_t) size, f->at);

        if (n > 0)
                f->at += n;
        return n > 0 ? (int) n : n == 0 ? AVERROR_EOF : AVERROR(errno);
}

static int64_t seek_file(void *userdata, int64_t offset, int whence)
{
        struct file *f = userdata;

        whence &= ~AVSEEK_FORCE;
        if (whence == AVSEEK_SIZE)
                return f->size;
        if (whence == SEEK_CUR)
                offset += f->at;
        else if (whence == SEEK_END)
                offset += f->size;
        if (offset < 0)
                return AVERROR(EINVAL);
        return f->at = offset;
}

static int open_no_other(AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
        return AVERROR(EPERM);
}

static int open_format(struct media *m)
{
        uint8_t *buffer = av_malloc(BUFFER_SIZE);

        m->io = buffer ? avio_alloc_context(buffer, BUFFER_SIZE, 0, &m->file, read_file, NULL, seek_file) : NULL;
        m->format = avformat_alloc_context();
        m->frame = av_frame_alloc();
        m->packet = av_packet_alloc();
        if (!m->io || !m->format || !m->frame || !m->packet)
                return -ENOMEM;
        m->format->pb = m->io;
        m->format->io_open = open_no_other;
        m->format->format_whitelist = av_strdup(FORMATS);
        m->format->codec_whitelist = av_strdup(DECODERS);
        m->format->protocol_whitelist = av_strdup("none");
        if (avformat_open_input(&m->format, "", NULL, NULL) < 0 || avformat_find_stream_info(m->format, NULL) < 0)
                return -EBADMSG;
        return 0;
}

static int open_decoder(struct media *m, const AVStream *stream)
{
        const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);

        m->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
        if (!m->decoder || avcodec_parameters_to_context(m->decoder, stream->codecpar) < 0)
                return -EBADMSG;
        m->decoder->codec_whitelist = av_strdup(DECODERS);
        m->decoder->thread_count = 1;
        m->decoder->max_pixels = PIXELS_MAX;
        m->decoder->pkt_timebase = stream->time_base;
        return avcodec_open2(m->decoder, NULL, NULL) < 0 ? -EBADMSG : 0;
}

/* The next packet of @stream, NULL behind the last, into the decoder. */
static int feed(struct media *m, const AVStream *stream)
{
        int r;

        while ((r = av_read_frame(m->format, m->packet)) >= 0 && m->packet->stream_index != stream->index)
                av_packet_unref(m->packet);
        if (r < 0)
                return avcodec_send_packet(m->decoder, NULL) < 0 ? -ENODATA : 0;
        (void) avcodec_send_packet(m->decoder, m->packet); /* one that is damaged is left out */
        av_packet_unref(m->packet);
        return 0;
}

/* -- what is seen -------------------------------------------------------------------------------------------------- */

static int first_frame(struct media *m, const AVStream *stream)
{
        if (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) {
                if (avcodec_send_packet(m->decoder, &stream->attached_pic) < 0 ||
                    avcodec_send_packet(m->decoder, NULL) < 0)
                        return -EBADMSG;
                return avcodec_receive_frame(m->decoder, m->frame) < 0 ? -EBADMSG : 0;
        }
        for (unsigned i = 0; i < PACKETS_MAX; i++) {
                const int r = avcodec_receive_frame(m->decoder, m->frame);

                if (r >= 0)
                        return 0;
                if (r != AVERROR(EAGAIN) || feed(m, stream) < 0)
                        return -EBADMSG;
        }
        return -EBADMSG;
}

static void skip_beginning(struct media *m, const struct finding *f)
{
        const int64_t tenth = (int64_t) f->duration * 1000 / 10, most = (int64_t) SKIPPED_MSEC * 1000;
        const int64_t start = m->format->start_time == AV_NOPTS_VALUE ? 0 : m->format->start_time;

        if (f->kind == FINDING_VIDEO && tenth > 0)
                (void) av_seek_frame(m->format, -1, start + (tenth < most ? tenth : most), AVSEEK_FLAG_BACKWARD);
}

/* How it is to be turned: a photograph's frame knows it, a video's stream. */
static const int32_t *matrix_of(const AVFrame *frame, const AVStream *stream)
{
        const AVFrameSideData *of_frame = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);

        if (of_frame)
                return of_frame->size >= 9 * sizeof(int32_t) ? (const int32_t *) of_frame->data : NULL;
#if LIBAVFORMAT_VERSION_MAJOR < 61
        size_t size = 0;
        const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);

        return data && size >= 9 * sizeof(int32_t) ? (const int32_t *) data : NULL;
#else
        const AVPacketSideData *data = av_packet_side_data_get(
                stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);

        return data && data->size >= 9 * sizeof(int32_t) ? (const int32_t *) data->data : NULL;
#endif
}

static bool is_turned(const int32_t *matrix)
{
        return matrix && llabs((long long) matrix[0]) < llabs((long long) matrix[1]);
}

static void see(struct media *m, const AVStream *stream, unsigned side, struct finding *out)
{
        const bool is_cover = out->kind == FINDING_RECORDING;
        const int32_t *matrix = NULL;
        int width = stream->codecpar->width, height = stream->codecpar->height, r = open_decoder(m, stream);

        skip_beginning(m, out);
        if (r >= 0)
                r = first_frame(m, stream);
        if (r >= 0) {
                width = m->frame->width;
                height = m->frame->height;
                matrix = matrix_of(m->frame, stream);
        }
        if (!is_cover && width > 0 && height > 0) {
                out->width = (uint32_t) (is_turned(matrix) ? height : width);
                out->height = (uint32_t) (is_turned(matrix) ? width : height);
        }
        if (r >= 0 && still_make(m->frame, matrix, side, out) < 0)
                out->shown_width = out->shown_height = 0;
        avcodec_free_context(&m->decoder);
}

/* -- what is heard ------------------------------------------------------------------------------------------------- */

static void hear(struct media *m, const AVStream *stream, struct finding *out)
{
        static struct waveform w;
        int r = open_decoder(m, stream);

        while (r >= 0) {
                r = avcodec_receive_frame(m->decoder, m->frame);
                if (r >= 0)
                        r = waveform_add(&w, m->frame);
                else if (r == AVERROR(EAGAIN))
                        r = feed(m, stream);
        }
        if (r == AVERROR_EOF)
                waveform_finish(&w, out);
        avcodec_free_context(&m->decoder);
}

/* -- all of it ----------------------------------------------------------------------------------------------------- */

static enum finding_kind kind_of(const AVFormatContext *format, const AVStream *seen, const AVStream *heard)
{
        const bool is_cover = seen && seen->disposition & AV_DISPOSITION_ATTACHED_PIC;

        if (!seen || (is_cover && heard))
                return heard ? FINDING_RECORDING : FINDING_NONE;
        if (strstr(format->iformat->name, "_pipe") || strcmp(format->iformat->name, "gif") == 0 ||
            (!heard && seen->nb_frames == 1))
                return FINDING_PICTURE;
        return FINDING_VIDEO;
}

static const AVStream *best(AVFormatContext *format, enum AVMediaType type)
{
        const int i = av_find_best_stream(format, type, -1, -1, NULL, 0);

        return i < 0 ? NULL : format->streams[i];
}

void look(int fd, int64_t size, unsigned side, struct finding *out)
{
        _cleanup_(media_release) struct media m = { .file = { .fd = fd, .size = size } };
        const AVStream *seen, *heard;

        av_log_set_level(AV_LOG_QUIET);
        if (open_format(&m) < 0)
                return;
        seen = best(m.format, AVMEDIA_TYPE_VIDEO);
        heard = best(m.format, AVMEDIA_TYPE_AUDIO);
        out->kind = kind_of(m.format, seen, heard);
        if (out->kind != FINDING_PICTURE && m.format->duration > 0 && m.format->duration / 1000 < UINT32_MAX)
                out->duration = (uint32_t) (m.format->duration / 1000);
        if (seen)
                see(&m, seen, side, out);
        if (out->kind == FINDING_RECORDING && out->duration <= WAVEFORM_SECONDS * 1000)
                hear(&m, heard, out);
}
