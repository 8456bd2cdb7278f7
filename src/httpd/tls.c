/* SPDX-License-Identifier: MIT */
#include "httpd/tls.h"

#ifdef HTTPD_HAS_GNUTLS
#include <gnutls/gnutls.h>
#endif

#include <string.h>

#include "base/file.h"

#define PEM_MAX_BYTES ((size_t)1 << 20)

static int read_pem(const char *path, struct buf *out, struct err *err)
{
    buf_init(out, PEM_MAX_BYTES);
    return path ? file_read(path, out, err) : 0;
}

int tls_load(const char *cert, const char *key, const char *client_ca, struct tls *tls,
             struct err *err)
{
    *tls = (struct tls){0};
    if (!cert && !key && !client_ca)
        return 0;
    if (!cert || !key)
        return err_set(err, ERR_USAGE, "TLS needs both a certificate and its key");
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return err_set(
            err, ERR_UNSUPPORTED,
            "this libmicrohttpd was built without TLS; put a proxy that has it in front");
#ifndef HTTPD_HAS_GNUTLS
    if (client_ca)
        return err_set(err, ERR_UNSUPPORTED,
                       "this pitviper was built without GnuTLS, which checks client certificates; "
                       "use a token");
#endif
    int result = read_pem(cert, &tls->cert, err);
    if (result == 0)
        result = read_pem(key, &tls->key, err);
    if (result == 0)
        result = read_pem(client_ca, &tls->client_ca, err);
    return result;
}

void tls_done(struct tls *tls)
{
    if (tls->key.data)
        explicit_bzero(tls->key.data, tls->key.size);
    buf_done(&tls->cert);
    buf_done(&tls->key);
    buf_done(&tls->client_ca);
}

bool tls_client_is_known(struct MHD_Connection *connection)
{
#ifdef HTTPD_HAS_GNUTLS
    unsigned status = 0;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info && info->tls_session &&
           gnutls_certificate_verify_peers2(info->tls_session, &status) == GNUTLS_E_SUCCESS &&
           status == 0;
#else
    (void)connection;
    return false;
#endif
}
